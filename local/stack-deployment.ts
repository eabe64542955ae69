import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { type GatewayServer, type LogEntry, startGatewayServer } from './api-gateway/gateway-server.ts';
import type { CleanupStack } from './cleanup-stack.ts';
import { type EmulatedServices, tableTypes } from './emulated-services.ts';
import { type Schedules, startSchedules } from './eventbridge/schedules.ts';
import { FunctionError } from './lambda/function-error.ts';
import { FunctionPool } from './lambda/function-pool.ts';
import type { SynthesizedStack } from './template/cloud-assembly.ts';
import type { Template } from './template/template.ts';

/** A synthesized stack and its resolved template. */
export type ResolvedStack = { stack: SynthesizedStack; template: Template };

export type StackDeploymentOptions = {
  resolved: ResolvedStack;
  services: EmulatedServices;
  port: number;
  freshPerRequest: boolean;
  /** Also runs all schedules at the start. */
  runSchedules: boolean;
  log: {
    request(entry: LogEntry): void;
    output(functionName: string, line: string): void;
  };
};

/** The deployed functions, with their events and schedules, and the API: the parts that a changed stack replaces. */
export class StackDeployment {
  readonly functions: FunctionPool;
  readonly #options: StackDeploymentOptions;
  #current: ResolvedStack;
  #schedules: Schedules | undefined;
  #gateway: GatewayServer | undefined;

  private constructor(options: StackDeploymentOptions) {
    this.#options = options;
    this.#current = options.resolved;
    const { services, freshPerRequest, log, resolved } = options;
    this.functions = new FunctionPool({
      template: resolved.template,
      assembly: resolved.stack.folder,
      freshPerRequest,
      environment: (logicalId) => services.environmentOf(this.#current.template, logicalId),
      log(functionName, _, line) {
        // An authorizer answers 401 with this error: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
        if (!line.startsWith('Error: Unauthorized\n')) log.output(functionName, line);
      },
    });
  }

  /** @throws ConfigurationError naming a function that does not load */
  static async start(options: StackDeploymentOptions, cleanups: CleanupStack): Promise<StackDeployment> {
    const { services, port, runSchedules, log, resolved } = options;
    const deployment = new StackDeployment(options);
    const { functions } = deployment;
    cleanups.add(() => functions.close());
    services.lambda.deploy(resolved.template, functions);
    // Runs before the functions close, so that events whose functions end wait for the next start.
    cleanups.add(() => services.lambda.undeploy());
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

  /**
   * Deploys a changed stack. The previous one stays deployed if the new one fails.
   *
   * @returns the outcome, for the operator
   * @throws ConfigurationError naming a function that does not load; Error for an unsupported template
   */
  async update(next: ResolvedStack): Promise<string> {
    if (next.stack.source === this.#current.stack.source) return 'nothing to deploy: the stack has not changed';
    if (fixedResources(next.stack) !== fixedResources(this.#current.stack)) {
      return 'tables or users have changed: restart the emulator to apply the change';
    }
    await this.#loadSeparately(next);
    const previous = this.#current;
    try {
      this.#deploy(next);
    } catch (error) {
      this.#current = previous;
      this.functions.replace(previous.template);
      this.#options.services.lambda.deploy(previous.template, this.functions);
      throw error;
    }
    return 'the change is live';
  }

  /** Gives the functions their environment variables again; requests in progress finish with theirs. */
  restartFunctions(): void {
    this.functions.replace(this.#current.template);
  }

  #deploy(next: ResolvedStack): void {
    this.#current = next;
    this.functions.replace(next.template);
    this.#options.services.lambda.deploy(next.template, this.functions);
    this.schedules.replace(next.template);
    this.#gateway!.replace(next.template);
  }

  /** Loads all functions of a template in other environments, so that a broken function replaces no working one. */
  async #loadSeparately({ template, stack }: ResolvedStack): Promise<void> {
    const { services } = this.#options;
    const trial = new FunctionPool({
      template,
      assembly: stack.folder,
      environment: (logicalId) => services.environmentOf(template, logicalId),
      log: () => undefined,
    });
    try {
      await loadAll(trial, template);
    } finally {
      await trial.close();
    }
  }
}

/** @throws ConfigurationError naming the function, with the error of its module */
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
  await Promise.all(template.resources('AWS::Lambda::Function').map(load));
}

/** The resources that the emulator creates at its start only. */
function fixedResources({ template }: SynthesizedStack): string {
  return JSON.stringify(
    Object.entries(template.Resources ?? {}).filter(
      ([, { Type }]) => tableTypes.includes(Type) || Type.startsWith('AWS::Cognito::'),
    ),
  );
}
