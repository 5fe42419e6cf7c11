import type { RealtimeGateway } from '../realtime-gateway.ts';
import { conversation, drafts } from './commits.ts';
import { GatewayWorld } from './gateway-world.ts';
import { TestSocket } from './test-socket.ts';

/** A world with one gateway in it, and what most of its tests do there. */
export class GatewayStage {
  readonly world: GatewayWorld;
  readonly gateway: RealtimeGateway;
  readonly #sockets: TestSocket[] = [];
  #rooms = 0;

  private constructor(world: GatewayWorld, gateway: RealtimeGateway) {
    this.world = world;
    this.gateway = gateway;
  }

  static async set(environment: Record<string, string> = {}): Promise<GatewayStage> {
    const world = await GatewayWorld.start();
    return new GatewayStage(world, await world.gateway(environment));
  }

  stop(): Promise<void> {
    return this.world.stop();
  }

  /** After each test: cuts the sockets that it opened. */
  clear(): void {
    for (const { socket } of this.#sockets.splice(0)) socket.terminate();
  }

  /** A socket that has said hello. */
  async connect(userId: string, since: string | null = null, at = this.gateway): Promise<TestSocket> {
    const socket = await this.world.connect(at, userId, since);
    this.#sockets.push(socket);
    return socket;
  }

  /** A socket that says hello as it is told to. */
  async greet(hello: Record<string, unknown>, at = this.gateway): Promise<TestSocket> {
    const socket = await this.open(at);
    socket.send({ t: 'hello', ...hello });
    return socket;
  }

  async open(at = this.gateway): Promise<TestSocket> {
    const socket = await TestSocket.open(at.url);
    this.#sockets.push(socket);
    return socket;
  }

  /** A conversation id of its own. */
  newId(): string {
    return conversation(++this.#rooms);
  }

  /** A new conversation, in the log and in the read model. */
  async room(...userIds: string[]): Promise<{ id: string; created: number }> {
    const { world } = this;
    const id = this.newId();
    const created = await world.writer.commit(id, drafts.created(...userIds));
    await world.conversation(id, 1, userIds.length);
    for (const userId of userIds) await world.member(id, userId, created);
    await world.checkpoint();
    return { id, created };
  }

  /** Sequences of so many new messages. */
  async say(id: string, count: number): Promise<number[]> {
    const { writer } = this.world;
    const sequences: number[] = [];
    for (let n = 0; n < count; n++) sequences.push(await writer.commit(id, drafts.sent(writer.version(id))));
    return sequences;
  }

  /** A process that has just started and read nothing ahead: what was before comes from the log. */
  coldGateway(): Promise<RealtimeGateway> {
    return this.world.gateway({ GATEWAY_WARM_COMMITS: '0' });
  }

  /** The value of the first metric whose line begins so; 0 when there is none. */
  async metric(prefix: string, at = this.gateway): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${at.port}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(prefix));
    return Number(line?.split(' ').at(-1) ?? 0);
  }
}
