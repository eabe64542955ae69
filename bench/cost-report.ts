/**
 * The cost of a deployment by line item, computed from the synthesized template, the measured requests of the functions to
 * the table and to KMS (`cost/measured.json`), and list prices (`cost/prices.ts`).
 *
 * `npm run bench:cost -- --help`
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { readAssembly } from '../local/template/cloud-assembly.ts';
import { type Assumption, assumptions, type Traffic } from './cost/assumed-traffic.ts';
import { dollarsOf, type Line } from './cost/bill.ts';
import { asMarkdown } from './cost/cost-markdown.ts';
import { report } from './cost/cost-report-data.ts';
import { asText } from './cost/cost-text.ts';
import { type Measurement, savedText } from './cost/measured-work.ts';
import { readStack, type TemplateJson } from './cost/priced-stack.ts';
import { PRICES_OF, REGION } from './cost/prices.ts';
import { published } from './cost/published-prices.ts';
import { assemblyOfSources } from './harness/assembly.ts';

const checkedIn = fileURLToPath(new URL('cost/measured.json', import.meta.url));
const names = Object.keys(assumptions) as Assumption[];

const help = `npm run bench:cost -- [options]

Computes the monthly cost of a deployment at list prices by line item, and prints the published prices of others.

  --assembly DIR      uses this cloud assembly (of cdk synth) instead of the sources
  --measure           runs the stack in the local emulator and counts its requests
  --measured FILE     uses this saved measurement instead of bench/cost/measured.json
  --save FILE         measures and saves the measurement
  --with-free-tier    deducts the monthly free tier of an account
  --markdown          prints the body of docs/cost.md
  --json              prints JSON
  --memory N          memory of the MCP function in MB, instead of the template's

Assumed traffic of a month (30 days):
${names.map((name) => `  ${`--${name} N`.padEnd(30)}${assumptions[name].means} (${assumptions[name].usual})`).join('\n')}
`;

/** @throws ConfigurationError for an unknown option */
function readOptions() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const texts = ['assembly', 'measured', 'save', 'memory', ...names];
  const flags = ['measure', 'with-free-tier', 'markdown', 'json', 'help'];
  const options = Object.fromEntries([...texts.map((name) => [name, text]), ...flags.map((name) => [name, flag])]);
  try {
    return parseArgs({ options }).values as Record<string, string & boolean>;
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n\n${help}`, { cause: error });
  }
}

function trafficOf(values: Record<string, string>): Traffic {
  const number = (name: string, least: number): number => {
    const value = Number(values[name]);
    if (values[name] !== '' && value >= least && Number.isFinite(value)) return value;
    throw new ConfigurationError(`--${name} is ${JSON.stringify(values[name])}: use a number of ${least} or more`);
  };
  // These are divisors.
  const least = (name: string) => (/^calls-per-(?!month)/.test(name) ? 1 : 0);
  const given = names.map((name) => [
    name,
    values[name] === undefined ? assumptions[name].usual : number(name, least(name)),
  ]);
  return { ...Object.fromEntries(given), ...(values.memory !== undefined && { memory: number('memory', 128) }) };
}

async function measurementFor(values: Record<string, string & boolean>, assembly: string): Promise<Measurement> {
  if (!values.measure && values.save === undefined)
    return JSON.parse(readFileSync(values.measured ?? checkedIn, 'utf8'));
  // The local emulator takes long to load.
  const { measure } = await import('./cost/cost-measurement.ts');
  const measured = await measure(assembly);
  if (values.save !== undefined) writeFileSync(values.save, savedText(measured));
  return measured;
}

async function main(): Promise<void> {
  const values = readOptions();
  if (values.help) return void process.stdout.write(help);
  const traffic = trafficOf(values);
  const assembly = values.assembly ?? (await assemblyOfSources());
  const stack = readStack(readAssembly(assembly).template as unknown as TemplateJson);
  const measurement = await measurementFor(values, assembly);
  const reported = report(stack, measurement, traffic, values['with-free-tier']);
  if (values.markdown) {
    console.log(asMarkdown(reported, stack, report(stack, measurement, traffic, true)));
  } else if (values.json) {
    const priced = (lines: Line[]) => lines.map((line) => ({ ...line, dollars: dollarsOf(line) }));
    const { idle, calls, others, free, ...rest } = reported;
    const lines = { idle: priced(idle), calls: priced(calls), others: priced(others), free: priced(free) };
    console.log(JSON.stringify({ region: REGION, pricesOf: PRICES_OF, ...rest, ...lines, published }, null, 2));
  } else {
    console.log(asText(reported));
  }
}

main().catch((error) => {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
