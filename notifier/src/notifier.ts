import { SERVICE_SCOPE } from '@parley/contracts';
import {
  createOperatorServer,
  createPool,
  type Logger,
  listen,
  Metrics,
  Readiness,
  type RunningProcess,
} from '@parley/runtime';
import type { NotifierConfig } from './config.ts';
import { deliverDueMessages, PutOff } from './due-messages.ts';
import { expireMessages } from './expired-messages.ts';
import { declareNotifierMetrics } from './metrics.ts';
import { type Rounds, startRounds } from './rounds.ts';
import { commandSender } from './send-command.ts';
import { ServiceToken } from './service-token.ts';

const NAME = 'notifier';
const DUE_EVERY_MS = 500;
const RETENTION_EVERY_MS = 60_000;

/**
 * Watches the read model for work that has become due and asks the command API to do it. Several may run: each command
 * takes effect once. It keeps nothing, so that killing it delays and never loses.
 */
export async function startNotifier(
  config: NotifierConfig,
  logger: Logger,
  readiness = new Readiness(),
): Promise<RunningProcess & { port: number }> {
  const metrics = new Metrics(NAME);
  const pool = createPool({ url: config.databaseUrl, name: NAME, logger });
  const token = new ServiceToken({ ...config, scope: SERVICE_SCOPE });
  const work = {
    pool,
    send: commandSender(config.commandApiUrl, token),
    metrics: declareNotifierMetrics(metrics),
    putOff: new PutOff(),
  };
  const rounds = [
    startRounds({
      name: 'scheduled messages',
      pauseMs: DUE_EVERY_MS,
      logger,
      round: () => deliverDueMessages(work, new Date()),
    }),
    startRounds({
      name: 'retention',
      pauseMs: RETENTION_EVERY_MS,
      logger,
      round: () => expireMessages(work, new Date()),
    }),
  ];
  readiness.check('work', () => failIfTroubled(rounds));
  const app = await createOperatorServer({ name: NAME, logger, metrics, readiness });
  const port = await listen(app, config);
  return {
    port,
    async stop() {
      await Promise.all(rounds.map((each) => each.stop()));
      await app.close();
      await pool.end();
    },
  };
}

function failIfTroubled(rounds: readonly Rounds[]): void {
  const troubles = rounds.flatMap(({ trouble }) => trouble ?? []);
  if (troubles.length > 0) throw new Error(troubles.join('; '));
}
