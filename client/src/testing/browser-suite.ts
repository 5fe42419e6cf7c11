import { scenarios } from './scenarios.ts';
import { Stage, type StageAddresses } from './stage.ts';

/** Called from outside the page; rejects with what went wrong. */
async function runScenario(name: string, addresses: StageAddresses): Promise<void> {
  const scenario = scenarios.find((each) => each.name === name);
  if (!scenario) throw new Error(`there is no scenario "${name}"`);
  await scenario.run(new Stage(addresses));
}

Object.assign(globalThis, { runScenario });
