import { type ClientFrame, clientFrameSchema } from '@parley/contracts';

/** The frame, or what is wrong with it. */
export function parseFrame(text: string): ClientFrame | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  const parsed = clientFrameSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') || 'frame'}: ${issue?.message ?? 'not of this protocol'}`.slice(0, 100);
}
