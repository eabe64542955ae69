import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordsFolder } from '../lib/bundle/build-record.ts';
import type { DeploymentMarker } from '../lib/deployment-marker.ts';
import type { LogEntry } from './api-gateway/gateway-server.ts';
import { AwsEnvironment } from './aws-api/aws-environment.ts';
import type { AwsService } from './aws-api/aws-service.ts';
import { CleanupStack } from './cleanup-stack.ts';
import type { OidcProvider, OidcProviderOptions } from './cognito/oidc-provider.ts';
import { userPoolOf } from './cognito/user-pool-definition.ts';
import { CustomResources } from './custom-resources.ts';
import { DataFolder, type OperatorAccess } from './data-folder.ts';
import type { DynamoDb } from './dynamodb/dynamodb-service.ts';
import { createTables, type EmulatedServices, startServices } from './emulated-services.ts';
import {
  assertGatewayPortFree,
  assertIdentityProviderPortFree,
  chooseIdentityProviderPort,
  portInUse,
} from './emulator-ports.ts';
import { EnvironmentFile } from './environment-file.ts';
import type { Schedules } from './eventbridge/schedules.ts';
import { freePort } from './free-port.ts';
import type { Kms } from './kms/kms-service.ts';
import type { RetrySeconds } from './lambda/event-queue.ts';
import { defineFunction } from './lambda/function-definition.ts';
import type { FunctionPool } from './lambda/function-pool.ts';
import type { Lambda } from './lambda/lambda-service.ts';
import { invokeOnce } from './lambda/single-invocation.ts';
import { callReader, type LoggedCall } from './logged-call.ts';
import { reloadOnChange } from './reload/source-reload.ts';
import { StackDeployment } from './stack-deployment.ts';
import { readAssembly, type SynthesizedStack } from './template/cloud-assembly.ts';
import { missingResources } from './template/emulated-resources.ts';
import { deploymentIn, stackTemplate } from './template/stack-template.ts';
import { synthesize } from './template/synthesis.ts';

export type EmulatorOptions = {
  /**
   * The folder of the CDK app and its `cdk.json`.
   * @default the working directory
   */
  project?: string;
  /** The data folder; created if missing. */
  folder: string;
  /** The gateway's port; 0 for any free port. */
  port: number;
  /** @default the port of the previous start with this folder, else the gateway's port + 1, else any free port */
  identityProviderPort?: number;
  /** The deployment to run: a stack name, or `stack/construct`. @default the only one of the app */
  stack?: string | undefined;
  /** Deletes the data of earlier starts. */
  fresh?: boolean;
  /**
   * Keeps tables, keys, events and sign-ins in memory. The data folder then has the cloud assembly and the lock only.
   *
   * @default false
   */
  inMemory?: boolean;
  /**
   * The file with values of secrets, and with environment variables of the functions that run the owner's server.
   * @default `.env` in the project
   */
  environmentFile?: string;
  /** Settings by their context names, before those of `cdk.json`. */
  context?: Record<string, string> | undefined;
  /** A cloud assembly to run unchanged. @default runs the CDK app */
  assembly?: string;
  /** Runs the CDK app again whenever its sources change. @default true, without an assembly */
  watch?: boolean;
  /** A new execution environment for every request, so that no module state survives by accident. */
  freshPerRequest?: boolean;
  /** The executions of all functions at the same time. @default unlimited */
  accountConcurrency?: number | undefined;
  /**
   * The pauses before the second and the third attempt of an asynchronous invocation. On AWS they are 60 and 120 seconds.
   *
   * @default [1, 2]
   */
  retrySeconds?: RetrySeconds | undefined;
  report: Report;
};

/** Receives the events that the operator sees. */
export type Report = {
  /** A step of the start. */
  progress(step: string): void;
  request(entry: LogEntry): void;
  /** A request that is in the audit log. Its response ends later. */
  call(call: LoggedCall): void;
  /** A line that a function wrote. */
  output(functionName: string, line: string): void;
  /** A warning about the sources. */
  warning(line: string): void;
  /** Sources have changed. Requests wait for the outcome if the server is among them. */
  rebuilding(part: 'server' | 'app'): void;
  /** The outcome of a change of the sources. */
  reloaded(outcome: string): void;
};

export type Emulator = {
  /** `http://127.0.0.1:<port>` */
  origin: string;
  marker: DeploymentMarker;
  /** The outputs of the construct with local addresses, by their ids in it, such as `McpUrl`. */
  outputs: Record<string, string>;
  /** Absent if the stack has an external identity provider. */
  identityProvider: OidcProvider | undefined;
  dynamoDb: DynamoDb;
  kms: Kms;
  secrets: AwsService;
  lambda: Lambda;
  functions: FunctionPool;
  schedules: Schedules;
  /** Empties the cache of CloudFront. */
  invalidate(): void;
  /** Deploys the current sources, or the current content of the assembly. @returns the outcome, for the operator */
  redeploy(): Promise<string>;
  close(): Promise<void>;
};

/**
 * Runs the stack on this computer: its API, functions with their roles, table, keys and user pool, all read from the
 * synthesized template.
 *
 * @throws ConfigurationError for a port or a data folder in use, and for sources that do not build or load
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const cleanups = new CleanupStack();
  try {
    return { ...(await start(options, cleanups)), close: () => cleanups.run() };
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}

async function start(options: EmulatorOptions, cleanups: CleanupStack): Promise<Omit<Emulator, 'close'>> {
  const { project = process.cwd(), folder, report } = options;
  const data = await DataFolder.claim(folder, options.fresh ?? false).catch(async (error) => {
    if (options.assembly === undefined) await rejectWrongSettings(options);
    throw error;
  });
  cleanups.add(() => data.release());
  await assertGatewayPortFree(options.port);
  await assertIdentityProviderPortFree(data, options.identityProviderPort);

  report.progress('reading the stack');
  const assembly = options.assembly ?? data.assembly;
  const readStack = async () =>
    options.assembly === undefined ? buildStack(options, assembly) : readAssembly(assembly, options.stack);
  const [stack] = await Promise.all([
    readStack(),
    // Loads meanwhile, because it takes long.
    import('./cognito/oidc-provider.ts'),
  ]);

  const missing = missingResources(stack);
  if (missing !== undefined) report.warning(missing);
  report.progress('starting table, keys and functions');
  const { retrySeconds } = options;
  const environmentFile = new EnvironmentFile(options.environmentFile ?? join(project, '.env'));
  const storage = options.inMemory ? undefined : folder;
  const isFirstStart = storage === undefined || !existsSync(join(storage, 'dynamodb'));
  const log = (functionName: string, line: string) => report.output(functionName, line);
  const environment = new AwsEnvironment(stack);
  const services = await startServices({ folder: storage, environmentFile, environment, retrySeconds, log }, cleanups);
  // Chosen late: another process may take a free port during the build.
  const gatewayPort = options.port === 0 ? await freePort() : options.port;
  const issuerPort = await chooseIdentityProviderPort(data, options.identityProviderPort, gatewayPort + 1);
  const origins = { gateway: `http://127.0.0.1:${gatewayPort}`, identityProvider: `http://localhost:${issuerPort}` };
  const customResources = new CustomResources();
  const resolve = async (synthesized: SynthesizedStack) => {
    const template = stackTemplate(synthesized, origins, services.kms.createKey);
    await customResources.provide(template, (logicalId, event) => {
      const definition = defineFunction(template.resource(logicalId), template, {
        assembly: synthesized.folder,
        environment: (id) => services.environmentOf(template, id),
      });
      return invokeOnce(definition, event, (line) => log(definition.name, line));
    });
    return { stack: synthesized, template };
  };
  const resolved = await resolve(stack);
  const records = recordsFolder(assembly);
  await createTables(services.dynamoDb, resolved.template);
  const { outputs, marker } = deploymentIn(resolved);
  const pool = userPoolOf(resolved.template, marker.issuer);
  const identityProvider = pool && (await startIdentityProvider({ folder: storage, port: issuerPort, ...pool }));
  if (identityProvider !== undefined) cleanups.add(() => identityProvider.close());
  const loggedCall = callReader(marker.issuer);
  services.dynamoDb.observePuts(async (item) => {
    const call = await loggedCall(item);
    if (call !== undefined) report.call(call);
  });
  const deployment = await StackDeployment.start(
    {
      resolved,
      records,
      services,
      port: gatewayPort,
      freshPerRequest: options.freshPerRequest ?? false,
      accountConcurrency: options.accountConcurrency,
      runSchedules: !isFirstStart,
      log: report,
    },
    cleanups,
  );
  if (identityProvider !== undefined) data.identityProviderPort = issuerPort;
  data.operatorAccess = operatorAccess(services, marker);

  const synthesizeAgain = async () => resolve(await readStack());
  const redeploy = async () => deployment.update(await synthesizeAgain());
  if (options.watch ?? options.assembly === undefined) {
    cleanups.add(reloadOnChange({ project, assembly, records, deployment, synthesize: synthesizeAgain, report }));
  }
  const warnAboutFile = () => {
    for (const line of fileProblems(environmentFile, services)) report.warning(line);
  };
  warnAboutFile();
  cleanups.add(
    environmentFile.watch(() => {
      deployment.restartFunctions();
      report.reloaded(`${environmentFile.path} is read again`);
      warnAboutFile();
    }),
  );
  const { origin, functions, schedules } = deployment;
  const { dynamoDb, kms, secrets, lambda } = services;
  const invalidate = () => deployment.invalidate();
  return {
    origin,
    marker,
    outputs,
    identityProvider,
    dynamoDb,
    kms,
    secrets,
    lambda,
    functions,
    schedules,
    invalidate,
    redeploy,
  };
}

/** @returns a line for each secret without a value, and for variables without effect */
function fileProblems(file: EnvironmentFile, { secrets }: EmulatedServices): string[] {
  return [
    ...secrets.missing().map((name) => `The secret ${name} has no value: add ${name}=<value> to ${file.path}`),
    ...file.ignoredNames().map((name) => `${name} in ${file.path} has no effect: Holdfast sets this variable`),
  ];
}

/**
 * Builds the stack in another folder. With another data folder, the next start would fail by these settings.
 *
 * @throws ConfigurationError for a setting or a deployment that does not exist, and for sources that do not build
 */
async function rejectWrongSettings(options: EmulatorOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
  try {
    await buildStack(options, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function buildStack(
  { project = process.cwd(), context, stack, report }: EmulatorOptions,
  assembly: string,
): Promise<SynthesizedStack> {
  for (const warning of await synthesize(project, assembly, context)) report.warning(warning);
  return readAssembly(assembly, stack);
}

async function startIdentityProvider(options: OidcProviderOptions & { port: number }): Promise<OidcProvider> {
  const { startOidcProvider } = await import('./cognito/oidc-provider.ts');
  try {
    return await startOidcProvider(options);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portInUse(options.port) : error;
  }
}

const operatorAccess = (
  { dynamoDb, kms, lambda, operatorAccessKeyId }: EmulatedServices,
  marker: DeploymentMarker,
): OperatorAccess => ({
  dynamoDb: { endpoint: dynamoDb.endpoint, accessKeyId: operatorAccessKeyId() },
  kms: { endpoint: kms.endpoint },
  lambda: { endpoint: lambda.endpoint },
  marker,
});
