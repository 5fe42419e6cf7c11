import { analyticsAccess } from '@parley/deploy';
import { Command } from 'commander';
import { counted } from '../log/counted.ts';
import { findLog, type LogFlags, withLog } from '../places.ts';
import { type CommandContext, EXIT, runCommand, wholeNumber } from '../run-command.ts';
import { renderTable } from '../table.ts';
import { type AnalyticsConsumer, AnalyticsConsumers, consumerName } from './consumers.ts';

interface Flags extends LogFlags {
  json: boolean;
}

type AddFlags = Flags & { from?: string; ackWait: number };
type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXAMPLES = `
A reader has a durable consumer: the log keeps its place. docs/analytics.md says what it may rely on, and
examples/analytics is one that works. The local stack has a user for the reader \`local\`.

Examples:
  parley analytics add local
  parley analytics add warehouse --from 2b0e6c1e-0d4b-4f0e-9d43-6f3c1d2a7b10:120000
  parley analytics list --json
  parley analytics remove warehouse

Exit codes: 0 done, 1 there is no such reader, 2 wrong usage, 3 the log is not available.`;

export function analyticsCommand(): Command {
  return new Command('analytics')
    .description('Makes and lists readers of the log that may read and do nothing else.')
    .addHelpText('after', EXAMPLES)
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(removeCommand());
}

function addCommand(): Command {
  return command('add')
    .description('Makes the durable consumer of a reader and prints the NATS configuration of its user.')
    .argument('<name>', 'lower-case letters, digits and "-"')
    .option('--from <position>', 'begin after this position (default: with all that the log holds)')
    .option('--ack-wait <s>', 'seconds until what was not acknowledged comes again', wholeNumber, 30)
    .action((name: string, flags: AddFlags) =>
      runCommand((context) => onConsumers(flags, (consumers) => add(consumers, name, flags, context))),
    );
}

async function add(
  consumers: AnalyticsConsumers,
  name: string,
  { from, ackWait, json }: AddFlags,
  { print }: CommandContext,
): Promise<ExitCode> {
  const made = await consumers.add({ name, from, ackWaitSeconds: ackWait });
  const access = analyticsAccess(made.consumer, { user: `analytics-${name}`, password: '<password>' });
  print(json ? JSON.stringify({ ...made, access }) : `${renderConsumers([made])}\n\n${instructions(access)}`);
  return EXIT.clean;
}

function instructions(access: ReturnType<typeof analyticsAccess>): string {
  const { exports, account, apiPrefix, inboxPrefix } = access;
  return [
    '# Retention removes nothing that this reader has not acknowledged: remove it when nobody uses it any more.',
    '',
    '# In the configuration of the NATS servers, in the account of the services (here: PARLEY); where it has exports',
    '# already, put these among them:',
    exports,
    '',
    '# Beside it, in `accounts`: the reader. In the same account as the services it could write to the log. Where another',
    '# reader has made the account already, put the imports and the user into the existing account.',
    account,
    '',
    `# The reader connects with inboxPrefix "${inboxPrefix}" and uses JetStream with apiPrefix "${apiPrefix}".`,
  ].join('\n');
}

function listCommand(): Command {
  return command('list')
    .description('Shows every reader, its place and what it has not acknowledged.')
    .action((flags: Flags) =>
      runCommand(({ print }) =>
        onConsumers(flags, async (consumers) => {
          const found = await consumers.list();
          if (flags.json) print(JSON.stringify(found));
          else
            print(
              found.length > 0 ? renderConsumers(found) : 'There is no reader. parley analytics add <name>',
            );
          return EXIT.clean;
        }),
      ),
    );
}

function removeCommand(): Command {
  return command('remove')
    .description('Removes the consumer of a reader; the log forgets its place.')
    .argument('<name>')
    .action((name: string, flags: Flags) =>
      runCommand(({ print }) =>
        onConsumers(flags, async (consumers) => {
          const removed = await consumers.remove(name);
          const text = removed ? `${consumerName(name)} is removed.` : `There is no ${consumerName(name)}.`;
          print(flags.json ? JSON.stringify({ name, removed }) : text);
          return removed ? EXIT.clean : EXIT.differs;
        }),
      ),
    );
}

function command(name: string): Command {
  return withLog(new Command(name)).option('--json', 'print the result as JSON', false);
}

async function onConsumers<T>(flags: Flags, work: (consumers: AnalyticsConsumers) => Promise<T>): Promise<T> {
  return AnalyticsConsumers.use((await findLog(flags)).nats, work);
}

function renderConsumers(consumers: readonly AnalyticsConsumer[]): string {
  const heading = ['reader', 'consumer', 'acknowledged up to', 'behind', 'unacknowledged'];
  const rows = consumers.map(({ name, consumer, position, behind, unacknowledged }) => {
    return [name, consumer, position, counted(behind, 'commit'), counted(unacknowledged, 'commit')];
  });
  return renderTable([heading, ...rows], { right: [3, 4] });
}
