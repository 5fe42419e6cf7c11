import type { Command, CommandOf, CommandType } from '@parley/contracts';
import type { CursorAdvance, CursorCommand } from './advance-cursor.ts';
import type { Accepted, Answer } from './answer.ts';
import { CursorOrder } from './cursor-order.ts';
import { deliverScheduled } from './deliver-scheduled.ts';
import type { KnownFacts } from './domain/aggregate.ts';
import { conversationOf } from './domain/conversation.ts';
import type { Candidate } from './domain/plan-commit.ts';
import type { Writers } from './writers.ts';

/** A command, where it comes from, and what its key stands for. */
export type Order = Pick<Candidate, 'command' | 'hash' | 'correlationId'>;

/** Where a command is decided, and where it is written. */
type Route =
  /** Both in the conversation. */
  | 'conversation'
  /** The conversation allows it, then the cursor is stored beside it. */
  | 'cursor'
  /** Both in the conversation, in order with the cursors of the same user. */
  | 'lowering'
  /** The conversation allows it, then it becomes a fact of the user's, where its key counts. */
  | 'own fact'
  /** Both in the user's own facts. */
  | 'user'
  /** A saga: out of the user's facts into the conversation. */
  | 'schedule';

const commandRoutes: Record<CommandType, Route> = {
  'conversation.create': 'conversation',
  'conversation.update': 'conversation',
  'conversation.archive': 'conversation',
  'conversation.unarchive': 'conversation',
  'conversation.delete': 'conversation',
  'conversation.join': 'conversation',
  'conversation.leave': 'conversation',
  'conversation.expire-messages': 'conversation',
  'members.add': 'conversation',
  'members.remove': 'conversation',
  'members.set-role': 'conversation',
  'members.ban': 'conversation',
  'members.unban': 'conversation',
  'members.invite': 'conversation',
  'members.accept-invite': 'conversation',
  'members.decline-invite': 'conversation',
  'message.send': 'conversation',
  'message.edit': 'conversation',
  'message.delete': 'conversation',
  'message.react': 'conversation',
  'message.unreact': 'conversation',
  'message.pin': 'conversation',
  'message.unpin': 'conversation',
  'message.report': 'own fact',
  'message.schedule': 'own fact',
  'message.cancel-schedule': 'user',
  'message.deliver-scheduled': 'schedule',
  'messages.read': 'cursor',
  'messages.delivered': 'cursor',
  'messages.mark-unread': 'lowering',
  'user.set-profile': 'user',
  'user.set-preferences': 'user',
  'user.mute': 'own fact',
  'user.unmute': 'own fact',
  'user.archive': 'own fact',
  'user.unarchive': 'own fact',
  'user.pin': 'own fact',
  'user.unpin': 'own fact',
  'user.hide-message': 'own fact',
  'user.block': 'user',
  'user.unblock': 'user',
  'user.register-device': 'user',
  'user.remove-device': 'user',
  'notifications.read': 'user',
};

/**
 * Takes commands along their routes. The first queue is reached before `execute` returns, so that call order is kept
 * there; only cursors that are moved and put back wait for one another.
 */
export class CommandExecutor {
  readonly #writers: Writers;
  readonly #cursors: CursorAdvance;
  readonly #order = new CursorOrder();

  constructor(writers: Writers, cursors: CursorAdvance) {
    this.#writers = writers;
    this.#cursors = cursors;
  }

  /** Rejects only when the log is away or broken; everything a client did wrong is an answer. */
  execute(order: Order): Promise<Answer> {
    const { command } = order;
    switch (commandRoutes[command.type]) {
      case 'conversation':
        return this.#decide(order);
      case 'cursor':
        return this.#order.run(cursorKey(command), 'move', () => this.#moveCursor(order));
      case 'lowering':
        return this.#order.run(cursorKey(command), 'lower', () => this.#ask(order));
      case 'own fact':
        return this.#keepFact(order);
      case 'user':
        return this.#decideForUser(order);
      case 'schedule':
        return deliverScheduled(this.#writers, order as Order & { command: ScheduleCommand });
    }
  }

  async #decide(order: Order): Promise<Answer> {
    const { command } = order;
    const answer = await this.#ask(order);
    if (command.type === 'message.send' && answer.kind === 'accepted') this.#remember(command, answer);
    return answer;
  }

  /** A reply moves the cursor of its thread only. */
  #remember({ actor: userId, data }: CommandOf<'message.send'>, answer: Accepted): void {
    if (data.threadId !== undefined) return;
    const { ordinal } = answer.result as { ordinal: number };
    this.#cursors.sent({ conversationId: data.conversationId, userId }, ordinal, answer);
  }

  async #decideForUser(order: Order): Promise<Answer> {
    const { command } = order;
    const isUpTo = command.type === 'notifications.read' && command.data.upTo !== undefined;
    const facts = isUpTo ? { head: (await this.#writers.log.bounds()).last } : {};
    return this.#writers.users.submit(command.actor, { ...order, facts });
  }

  async #moveCursor(order: Order): Promise<Answer> {
    const allowed = await this.#ask(order, true);
    if (allowed.kind === 'rejected') return allowed;
    return this.#cursors.advance(order.command as CursorCommand, allowed);
  }

  /** The user's facts are asked after a refusal too: what was stored under this key before is answered again. */
  async #keepFact(order: Order): Promise<Answer> {
    const allowed = await this.#ask(order, true);
    const facts: KnownFacts =
      allowed.kind === 'accepted' && allowed.confirmed ? { confirmed: allowed.confirmed } : {};
    return this.#writers.users.submit(order.command.actor, {
      ...order,
      facts,
      ...(allowed.kind === 'rejected' && {
        refused: { kind: 'reject', code: allowed.code, extras: allowed.extras },
      }),
    });
  }

  #ask(order: Order, keyless = false): Promise<Answer> {
    const candidate: Candidate = { ...order, facts: {}, ...(keyless && { keyless }) };
    return this.#writers.conversations.submit(placeOf(order.command), candidate);
  }
}

type ScheduleCommand = CommandOf<'message.deliver-scheduled'>;

const cursorKey = (command: Command): string => `${placeOf(command)} ${command.actor}`;

function placeOf(command: Command): string {
  const conversationId = conversationOf(command);
  if (conversationId === null) throw new Error(`${command.type} belongs to no conversation`);
  return conversationId;
}
