import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { type GatewayServer, type LogEntry, startGatewayServer } from './api-gateway/gateway-server.ts';
import type { CleanupStack } from './cleanup-stack.ts';
import { customResourceFunctions } from './custom-resources.ts';
import { type EmulatedServices, tableTypes } from './emulated-services.ts';
import { type Schedules, startSchedules } from './eventbridge/schedules.ts';
import { FunctionError } from './lambda/function-error.ts';
import { FunctionPool } from './lambda/function-pool.ts';
import { findServerCode, type ServerCode } from './reload/server-code.ts';
import { checkServer } from './server-check/server-check.ts';
import type { SynthesizedStack } from './template/cloud-assembly.ts';
import type { Template } from './template/template.ts';

/** A synthesized stack and its resolved template. */
export type ResolvedStack = { stack: SynthesizedStack; template: Template };

export type StackDeploymentOptions = {
  resolved: ResolvedStack;
  /** The folder of the build records of owners' servers. */
  records: string;
  services: EmulatedServices;
  port: number;
  freshPerRequest: boolean;
  /** The executions of all functions at the same time. */
  accountConcurrency: number | undefined;
  /** Also runs all schedules at the start. */
  runSchedules: boolean;
  log: {
    request(entry: LogEntry): void;
    output(functionName: string, line: string): void;
    warning(line: string): void;
  };
};

/** The deployed functions, with their events and schedules, and the API: the parts that a changed stack replaces. */
export class StackDeployment {
  readonly functions: FunctionPool;
  readonly #options: StackDeploymentOptions;
  #current: ResolvedStack;
  #serverCode: ServerCode[];
  /** Whether functions run other code than that of the assembly. */
  #hasReplacedCode = false;
  #schedules: Schedules | undefined;
  #gateway: GatewayServer | undefined;

  private constructor(options: StackDeploymentOptions) {
    this.#options = options;
    this.#current = options.resolved;
    this.#serverCode = this.#serverCodeOf(options.resolved);
    const { services, freshPerRequest, accountConcurrency, log, resolved } = options;
    this.functions = new FunctionPool({
      template: resolved.template,
      assembly: resolved.stack.folder,
      freshPerRequest,
      accountConcurrency,
      warn: (line) => log.warning(line),
      environment: (logicalId) => services.environmentOf(this.#current.template, logicalId),
      log(functionName, _, line) {
        // An authorizer answers 401 with this error: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
        if (line.startsWith('Error: Unauthorized\n')) return;
        const written = services.logs.write(functionName, line);
        if (written !== undefined) log.output(functionName, written);
      },
    });
  }

  /** @throws ConfigurationError naming a function that does not load, or a mistake in an owner's server */
  static async start(options: StackDeploymentOptions, cleanups: CleanupStack): Promise<StackDeployment> {
    const { services, port, runSchedules, log, resolved } = options;
    const deployment = new StackDeployment(options);
    const { functions } = deployment;
    cleanups.add(() => functions.close());
    services.lambda.deploy(resolved.template, functions);
    // Runs before the functions close, so that events whose functions end wait for the next start.
    cleanups.add(() => services.lambda.undeploy());
    await deployment.#checkServers(functions, deployment.#serverCode);
    await loadAll(functions, resolved.template);
    const schedules = startSchedules(resolved.template, functions, {
      runAtStart: runSchedules,
      log: (functionName, line) => log.output(functionName, line),
    });
    cleanups.add(() => schedules.close());
    const gateway = await startGatewayServer({
      template: resolved.template,
      functions,
      port,
      log: (entry) => log.request(entry),
    });
    cleanups.add(() => gateway.close());
    deployment.#schedules = schedules;
    deployment.#gateway = gateway;
    services.lambda.resume();
    return deployment;
  }

  get origin(): string {
    return this.#gateway!.origin;
  }

  /** Empties the cache of CloudFront. */
  invalidate(): void {
    this.#gateway!.invalidate();
  }

  get schedules(): Schedules {
    return this.#schedules!;
  }

  /** The code with an owner's server, as the functions run it. */
  get serverCode(): readonly ServerCode[] {
    return this.#serverCode;
  }

  /**
   * Deploys code with an owner's server that was built again. The previous code stays deployed if the new one fails.
   *
   * @returns the outcome, for the operator
   * @throws ConfigurationError with the mistakes in the server
   */
  async replaceCode(codes: readonly ServerCode[]): Promise<string> {
    const folders = foldersOf(codes);
    await this.#separately(this.#current, async (trial) => {
      trial.replaceCode(folders);
      await this.#checkServers(trial, codes);
    });
    this.functions.replaceCode(folders);
    const replacedBy = (code: ServerCode) => codes.find(({ logicalIds }) => logicalIds[0] === code.logicalIds[0]);
    this.#serverCode = this.#serverCode.map((code) => replacedBy(code) ?? code);
    this.#hasReplacedCode = true;
    return 'the change is live';
  }

  /**
   * Deploys a changed stack. The previous one stays deployed if the new one fails.
   *
   * @returns the outcome, for the operator
   * @throws ConfigurationError naming a function that does not load; Error for an unsupported template
   */
  async update(next: ResolvedStack): Promise<string> {
    if (next.stack.source === this.#current.stack.source && !this.#hasReplacedCode) {
      return 'nothing to deploy: the stack has not changed';
    }
    if (fixedResources(next.stack) !== fixedResources(this.#current.stack)) {
      return 'tables, users or the region have changed: restart the emulator to apply the change';
    }
    const serverCode = this.#serverCodeOf(next);
    await this.#separately(next, async (trial) => {
      await this.#checkServers(trial, serverCode);
      await loadAll(trial, next.template);
    });
    const previous = this.#current;
    try {
      this.#deploy(next);
    } catch (error) {
      this.#current = previous;
      this.functions.replace(previous.template);
      this.functions.replaceCode(foldersOf(this.#serverCode));
      this.#options.services.lambda.deploy(previous.template, this.functions);
      throw error;
    }
    this.#serverCode = serverCode;
    this.#hasReplacedCode = false;
    return 'the change is live';
  }

  /** Gives the functions their environment variables again; requests in progress finish with theirs. */
  restartFunctions(): void {
    this.functions.restart();
  }

  #deploy(next: ResolvedStack): void {
    this.#current = next;
    this.functions.replace(next.template);
    this.#options.services.lambda.deploy(next.template, this.functions);
    this.schedules.replace(next.template);
    this.#gateway!.replace(next.template);
  }

  #serverCodeOf({ template, stack }: ResolvedStack): ServerCode[] {
    return findServerCode(template, stack.folder, this.#options.records);
  }

  /** @throws ConfigurationError with a line for each mistake that leaves a server without answers */
  async #checkServers(functions: FunctionPool, codes: readonly ServerCode[]): Promise<void> {
    const findings = await Promise.all(
      codes.map(({ logicalIds, record }) => checkServer(functions.define(logicalIds[0]!), record)),
    );
    const [errors, warnings] = [true, false].map((fatal) => findings.flat().filter(({ isFatal }) => isFatal === fatal));
    for (const { text } of warnings!) this.#options.log.warning(text);
    if (errors!.length > 0) throw new ConfigurationError(errors!.map(({ text }) => text).join('\n'));
  }

  /** Tries functions of a stack in other environments, so that a broken function replaces no working one. */
  async #separately(
    { template, stack }: ResolvedStack,
    attempt: (trial: FunctionPool) => Promise<void>,
  ): Promise<void> {
    const { services } = this.#options;
    const trial = new FunctionPool({
      template,
      assembly: stack.folder,
      environment: (logicalId) => services.environmentOf(template, logicalId),
      log: () => undefined,
    });
    try {
      await attempt(trial);
    } finally {
      await trial.close();
    }
  }
}

const foldersOf = (codes: readonly ServerCode[]) =>
  new Map(codes.flatMap(({ logicalIds, folder }) => logicalIds.map((id) => [id, folder])));

/**
 * Loads the functions that requests and events reach. Those of custom resources have run.
 *
 * @throws ConfigurationError naming the function, with the error of its module
 */
async function loadAll(functions: FunctionPool, template: Template): Promise<void> {
  const load = async ({ logicalId }: { logicalId: string }) => {
    try {
      await functions.warm(logicalId);
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error;
      const failure = `${logicalId} does not load: ${error.errorType}: ${error.message}`;
      const line = error.sourceLine === undefined ? '' : `\n${error.sourceLine}`;
      throw new ConfigurationError(failure + line, { cause: error });
    }
  };
  const ofCustomResources = customResourceFunctions(template);
  const loaded = template
    .declarations('AWS::Lambda::Function')
    .filter(({ logicalId }) => !ofCustomResources.includes(logicalId));
  await Promise.all(loaded.map(load));
}

/** The account, the region, and the resources that the emulator creates at its start only. */
function fixedResources({ account, region, template }: SynthesizedStack): string {
  const created = Object.entries(template.Resources ?? {}).filter(
    ([, { Type }]) => tableTypes.includes(Type) || Type.startsWith('AWS::Cognito::'),
  );
  return JSON.stringify([account, region, created]);
}
