import { LogStream } from '../../retention/log-stream.ts';

/** As retention leaves a log: it is complete only behind `through`, and these subjects have lost what is before. */
export function removeOld(natsUrl: string, through: number, ...subjects: string[]): Promise<void> {
  return LogStream.use(natsUrl, async (stream) => {
    await stream.raiseCompleteFrom(through + 1);
    for (const subject of subjects) await stream.purge(subject, through);
  });
}
