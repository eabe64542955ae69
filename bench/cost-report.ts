/**
 * What a deployment costs, line by line: the synthesized template says what there is, what the functions ask of the table
 * and the key service is measured (or was, `cost/measured.json`), and list prices are in `cost/prices.ts`.
 *
 * `npm run bench:cost -- --help`
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { readAssembly, synthesize } from '../local/template/synthesis.ts';
import { type Assumption, assumptions, type Traffic } from './cost/assumed-traffic.ts';
import { dollarsOf, type Line } from './cost/bill.ts';
import { asMarkdown } from './cost/cost-markdown.ts';
import { report } from './cost/cost-report-data.ts';
import { asText } from './cost/cost-text.ts';
import { type Measurement, savedText } from './cost/measured-work.ts';
import { readStack, type TemplateJson } from './cost/priced-stack.ts';
import { PRICES_OF, REGION } from './cost/prices.ts';
import { published } from './cost/published-prices.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const checkedIn = fileURLToPath(new URL('cost/measured.json', import.meta.url));
const names = Object.keys(assumptions) as Assumption[];

const help = `npm run bench:cost -- [options]

What a month of a deployment costs at list price, line by line, beside what others publish of theirs.

  --assembly DIR      the cloud assembly (as cdk synth writes it), in place of the sources as they are
  --measure           runs the stack on this computer and counts what its functions ask for
  --measured FILE     a measurement that was saved before, in place of bench/cost/measured.json
  --save FILE         measures, and keeps the measurement there
  --with-free-tier    takes off what an account has for nothing each month
  --markdown          the body of docs/cost.md
  --json              for programs
  --memory N          megabytes of the MCP function, in place of the template's

Traffic of a month (30 days), and what is assumed of it:
${names.map((name) => `  ${`--${name} N`.padEnd(30)}${assumptions[name].means} (${assumptions[name].usual})`).join('\n')}
`;

/** @throws Mistake for an option or a number that is none */
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
    throw new ConfigurationError(`--${name} is ${JSON.stringify(values[name])}: write a number of ${least} or more`);
  };
  // What is divided by has to be something.
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
  // Loaded only now, because the local emulator takes long.
  const { measure } = await import('./cost/cost-measurement.ts');
  const measured = await measure(assembly);
  if (values.save !== undefined) writeFileSync(values.save, savedText(measured));
  return measured;
}

async function main(): Promise<void> {
  const values = readOptions();
  if (values.help) return void process.stdout.write(help);
  const traffic = trafficOf(values);
  const own = values.assembly === undefined ? mkdtempSync(join(tmpdir(), 'holdfast-cost-assembly-')) : undefined;
  const assembly = values.assembly ?? own!;
  try {
    if (own !== undefined) await synthesize(root, own);
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
  } finally {
    if (own !== undefined) rmSync(own, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
