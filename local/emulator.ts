import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { addressBook, attributesOf } from './address-book.ts';
import { type LogEntry, startGatewayServer } from './api-gateway/gateway-server.ts';
import type { AwsService } from './aws-api/aws-service.ts';
import type { OidcProvider, OidcProviderOptions } from './cognito/oidc-provider.ts';
import { userPoolOf } from './cognito/user-pool-definition.ts';
import { DataFolder } from './data-folder.ts';
import { type DynamoDb, startDynamoDb } from './dynamodb/dynamodb-service.ts';
import { freePort, isFree } from './free-port.ts';
import { FunctionPrincipals, operatorPrincipal } from './iam/principals.ts';
import { type Kms, startKms } from './kms/kms-service.ts';
import { FunctionError, FunctionPool } from './lambda/function-pool.ts';
import { type Lambda, startLambda } from './lambda/lambda-service.ts';
import { type Schedules, startSchedules } from './lambda/schedules.ts';
import { startSecrets } from './secrets-service.ts';
import { watchSources } from './template/source-watch.ts';
import { readAssembly, type SynthesizedStack, synthesize } from './template/synthesis.ts';
import { Template } from './template/template.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export type EmulatorOptions = {
  /** Where everything is kept over restarts; created if missing. */
  folder: string;
  /** Of the gateway; 0 for any free one. */
  port: number;
  /** @default the one used before with this folder, else the gateway's port + 1, else any free one */
  identityProviderPort?: number;
  /** Forgets what the folder keeps, except `secrets.json`. */
  fresh?: boolean;
  /** A cloud assembly to run as it is. @default the CDK app is run, and run again whenever its sources change */
  assembly?: string;
  /** A new execution environment for every request, so that nothing survives in a module by accident. */
  freshPerRequest?: boolean;
  report: Report;
};

/** What the cloud has to tell whoever started it. */
export type Report = {
  /** What is going on until the cloud has started. */
  progress(step: string): void;
  request(entry: LogEntry): void;
  /** A line that a function wrote. */
  output(functionName: string, line: string): void;
  /** The sources have changed, and what came of it. */
  reloaded(outcome: string): void;
};

export type Emulator = {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  /** The stack's outputs, with local addresses: `McpUrl` and whatever else a deployment would print. */
  outputs: Record<string, string>;
  /** Absent when the stack's users are at an identity provider of the owner's. */
  identityProvider: OidcProvider | undefined;
  dynamoDb: DynamoDb;
  kms: Kms;
  secrets: AwsService;
  lambda: Lambda;
  functions: FunctionPool;
  schedules: Schedules;
  /** Deploys the assembly as it is now, or the sources where there is none. `report.reloaded` has the outcome. */
  reload(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Runs the stack on this computer: its API, functions with their roles, table, keys and user pool, all read from the
 * synthesized template.
 *
 * @throws Mistake for what the user can mend: a taken port, a folder in use, sources that do not build or load
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const cleanups: (() => void | Promise<void>)[] = [];
  const close = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    return { ...(await start(options, (cleanup) => void cleanups.push(cleanup))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { folder, port, identityProviderPort, fresh = false, assembly, freshPerRequest, report }: EmulatorOptions,
  whenClosing: (cleanup: () => void | Promise<void>) => void,
): Promise<Omit<Emulator, 'close'>> {
  const data = await DataFolder.claim(folder, fresh);
  whenClosing(() => data.release());
  if (port !== 0 && !(await isFree(port))) throw portTaken(port);

  report.progress('reading the stack');
  const synthesized = assembly ?? data.assembly;
  const [stack] = await Promise.all([
    assembly === undefined ? build(data.assembly) : readAssembly(assembly),
    // Loaded meanwhile, because it takes long.
    import('./cognito/oidc-provider.ts'),
  ]);

  report.progress('starting table, keys and functions');
  const isNew = !existsSync(join(folder, 'dynamodb'));
  const principals = new FunctionPrincipals();
  const dynamoDb = await startDynamoDb({ folder: join(folder, 'dynamodb'), principals });
  whenClosing(() => dynamoDb.close());
  const kms = await startKms({ folder, principals });
  whenClosing(() => kms.close());
  const secrets = await startSecrets({ folder, principals });
  whenClosing(() => secrets.close());
  const lambda = await startLambda({ principals, log: (functionName, line) => report.output(functionName, line) });
  whenClosing(() => lambda.close());

  const gatewayPort = port === 0 ? await freePort() : port;
  const poolPort = await portOfPool(data, identityProviderPort, gatewayPort + 1);
  const origins = { gateway: `http://127.0.0.1:${gatewayPort}`, identityProvider: `http://localhost:${poolPort}` };
  const templateOf = (synthesizedStack: SynthesizedStack) =>
    new Template(synthesizedStack.template, {
      stackName: synthesizedStack.stackName,
      addressBook: addressBook(synthesizedStack.template, origins),
      attributes(logicalId, type, properties) {
        if (type !== 'AWS::KMS::Key') return attributesOf(logicalId, type, properties);
        const { keyId, arn } = kms.createKey(logicalId, properties);
        return { Ref: keyId, KeyId: keyId, Arn: arn };
      },
    });
  const template = templateOf(stack);

  for (const { logicalId, properties } of tablesOf(template)) {
    await dynamoDb.createTable(properties, String(template.resolve({ Ref: logicalId })));
  }

  /** What a function finds in its environment: where the services are, and who it is to them. */
  const environmentFrom = (deployed: Template) => (logicalId: string) => {
    const { raw } = deployed.resource(logicalId);
    const accessKeyId = newAccessKeyId();
    const functionName = String(deployed.resolve({ Ref: logicalId }));
    principals.add(accessKeyId, { functionName, statements: deployed.statementsOf(deployed.logicalIdOf(raw.Role)) });
    return {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: randomBytes(20).toString('hex'),
      AWS_SESSION_TOKEN: 'local',
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
      AWS_ENDPOINT_URL_KMS: kms.endpoint,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
      AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint,
    };
  };

  let current = { stack, template };
  const functions = new FunctionPool({
    template,
    assembly: synthesized,
    freshPerRequest,
    environment: (logicalId) => environmentFrom(current.template)(logicalId),
    log(functionName, _, line) {
      // How an authorizer says 401, and no failure: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
      if (!line.startsWith('Error: Unauthorized\n')) report.output(functionName, line);
    },
  });
  whenClosing(() => functions.close());
  lambda.deploy(template, functions);
  // First of the two, so that an event whose function ends with the cloud is not tried again.
  whenClosing(() => lambda.undeploy());
  await warmAll(functions, template);
  const schedules = startSchedules(template, functions, {
    atOnce: !isNew,
    log: (functionName, line) => report.output(functionName, line),
  });
  whenClosing(() => schedules.close());

  const pool = userPoolOf(template);
  const identityProvider = pool && (await startPool({ folder, port: poolPort, ...pool }));
  if (identityProvider !== undefined) {
    whenClosing(() => identityProvider.close());
    data.identityProviderPort = poolPort;
  }

  const ownersKeyId = newAccessKeyId();
  principals.add(ownersKeyId, operatorPrincipal);
  data.ownerAccess = {
    dynamoDb: { endpoint: dynamoDb.endpoint, accessKeyId: ownersKeyId },
    kms: { endpoint: kms.endpoint },
    outputs: outputsOf(stack, template),
    table: String(template.resolve({ Ref: tablesOf(template)[0]!.logicalId })),
    issuer: identityProvider?.issuer,
  };

  const gateway = await startGatewayServer({
    template,
    functions,
    port: gatewayPort,
    log: (entry) => report.request(entry),
  });
  whenClosing(() => gateway.close());

  async function reload(): Promise<void> {
    const next = assembly === undefined ? await build(data.assembly) : readAssembly(assembly);
    if (next.text === current.stack.text) return report.reloaded('nothing to deploy: the stack is the same');
    const nextTemplate = templateOf(next);
    if (fixedParts(next) !== fixedParts(current.stack)) {
      return report.reloaded('tables or users have changed: start again to have them');
    }
    await tryOut(nextTemplate);
    const previous = current;
    current = { stack: next, template: nextTemplate };
    try {
      functions.replace(nextTemplate);
      lambda.deploy(nextTemplate, functions);
      schedules.replace(nextTemplate);
      gateway.replace(nextTemplate);
    } catch (error) {
      current = previous;
      functions.replace(previous.template);
      lambda.deploy(previous.template, functions);
      throw error;
    }
    report.reloaded('the change is live');
  }

  /** Loads every function of a template, so that one that cannot be loaded never replaces one that works. */
  async function tryOut(candidate: Template): Promise<void> {
    const trial = new FunctionPool({
      template: candidate,
      assembly: synthesized,
      environment: environmentFrom(candidate),
      log: () => undefined,
    });
    try {
      await warmAll(trial, candidate);
    } finally {
      await trial.close();
    }
  }

  if (assembly === undefined) {
    const sources = ['bin', 'lib', 'lambda'].map((name) => join(root, name));
    const unwatch = watchSources(sources, () =>
      reload().catch((error: Error) => report.reloaded(`${error.message}\nWhat ran before goes on.`)),
    );
    whenClosing(unwatch);
  }

  return {
    origin: gateway.origin,
    outputs: outputsOf(stack, template),
    identityProvider,
    dynamoDb,
    kms,
    secrets,
    lambda,
    functions,
    schedules,
    reload,
  };
}

const outputsOf = ({ template: { Outputs = {} } }: SynthesizedStack, template: Template): Record<string, string> =>
  Object.fromEntries(Object.entries(Outputs).map(([name, { Value }]) => [name, String(template.resolve(Value, name))]));

const newAccessKeyId = () => `ASIA${randomBytes(16).toString('hex').toUpperCase()}`;

async function build(assembly: string): Promise<SynthesizedStack> {
  await synthesize(root, assembly);
  return readAssembly(assembly);
}

/** @throws Mistake naming the function, with what its module threw */
async function warmAll(functions: FunctionPool, template: Template): Promise<void> {
  const load = async ({ logicalId }: { logicalId: string }) => {
    try {
      await functions.warm(logicalId);
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      throw new ConfigurationError(`${logicalId} does not load: ${error.errorType}: ${error.message}`, {
        cause: error,
      });
    }
  };
  await Promise.all(template.resources('AWS::Lambda::Function').map(load));
}

const tableTypes = ['AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable'];

const tablesOf = (template: Template) => tableTypes.flatMap((type) => template.resources(type));

/** The parts of a stack that are set up once, when the cloud starts. */
function fixedParts({ template }: SynthesizedStack): string {
  const parts = Object.entries(template.Resources ?? {}).filter(
    ([, { Type }]) => tableTypes.includes(Type) || Type.startsWith('AWS::Cognito::'),
  );
  return JSON.stringify(parts);
}

/** @throws Mistake when a port that must be this one is taken */
async function portOfPool(data: DataFolder, wanted: number | undefined, preferred: number): Promise<number> {
  const fixed = wanted ?? data.identityProviderPort;
  if (fixed === undefined || fixed === 0) return (await isFree(preferred)) ? preferred : freePort();
  if (await isFree(fixed)) return fixed;
  throw new ConfigurationError(
    `The port ${fixed} is taken. The identity provider was there before, and users are bound to its address: free the port, or forget all users and sessions with --fresh.`,
  );
}

async function startPool(options: OidcProviderOptions): Promise<OidcProvider> {
  const { startOidcProvider } = await import('./cognito/oidc-provider.ts');
  try {
    return await startOidcProvider(options);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portTaken(options.port!) : error;
  }
}

const portTaken = (port: number) =>
  new ConfigurationError(`The port ${port} is taken by another program. Choose another with PORT=<number>.`);
