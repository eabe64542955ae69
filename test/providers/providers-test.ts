/**
 * Runs one story over real identity providers, each with the local emulator: sign-in, groups, refresh, revocation,
 * dashboard, disabled users and, where the provider supports it, direct mode. The other tests use simulated providers.
 *
 * `npm run test:providers -- [--provider hydra|canaille|keycloak]…`. Without an option, it runs the first two. The
 * providers are installed from the registries of Go, Python and Maven into the user's cache folder. The program ends
 * with 1 if a check fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { canaille } from './canaille-provider.ts';
import { hydra } from './hydra-provider.ts';
import { keycloak } from './keycloak-provider.ts';
import { directStory, facadeStory } from './provider-story.ts';
import type { ProviderProduct } from './real-provider.ts';

const products = [hydra, canaille, keycloak];
const { values } = parseArgs({
  options: { provider: { type: 'string', multiple: true, default: ['hydra', 'canaille'] } },
});
const chosen = values.provider.map((name) => {
  const product = products.find((product) => product.name === name);
  if (product === undefined)
    throw new Error(`--provider is ${name}: choose ${products.map(({ name }) => name).join()}`);
  return product;
});

let [passed, failed] = [0, 0];

async function check(name: string, proof: () => Promise<string>): Promise<void> {
  try {
    const seen = await proof();
    passed++;
    console.log(`ok      ${name}: ${seen}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n${(error as Error).stack}`);
  }
}

async function run(product: ProviderProduct): Promise<void> {
  console.log(`\n${product.title}`);
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${product.name}-`));
  const provider = await product.start(folder);
  try {
    await facadeStory(product, provider, check);
    await directStory(product, provider, check);
  } finally {
    await provider.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const product of chosen) {
  try {
    await run(product);
  } catch (error) {
    failed++;
    console.error((error as Error).stack);
  }
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
