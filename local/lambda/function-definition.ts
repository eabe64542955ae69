import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { reservedVariables } from '../../lambda/shared/reserved-variables.ts';
import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import { assetOf } from './function-asset.ts';
import type { WorkerData } from './worker-messages.ts';

/** A function of the template, ready to run. */
export type FunctionDefinition = {
  name: string;
  timeoutSeconds: number;
  /** Undefined for a function that shares the concurrency of the account. */
  reservedConcurrency: number | undefined;
  /** The execution environments that are started before the first request. */
  provisionedConcurrency: number;
  worker: WorkerData;
  environment: Record<string, string>;
};

export type FunctionDefinitionOptions = {
  /** Folders with other code than the assets of the assembly, by logical id. */
  code?: ReadonlyMap<string, string>;
  /** The folder of the cloud assembly, `cdk.out`. */
  assembly: string;
  /** Further variables, such as the function's credentials. */
  environment(logicalId: string): Record<string, string>;
};

/** Lambda's limit for the environment variables of a function, names and values, in bytes. */
const ENVIRONMENT_LIMIT = 4_096;

/** The folders in which the emulator finds its own AWS SDK, which stands in for that of Lambda's runtime. */
const sdkFolders = createRequire(import.meta.url).resolve.paths('@aws-sdk/client-secrets-manager') ?? [];

/** Packages that are not bundled are those of the owner's project. */
const packageFolders = [join(process.cwd(), 'node_modules'), ...sdkFolders];

/** @throws Error naming the function whose settings Lambda would reject, or whose code does not exist */
export function defineFunction(
  resource: Resource,
  template: Template,
  options: FunctionDefinitionOptions,
): FunctionDefinition {
  const { logicalId, properties } = resource;
  const runtime = String(properties.Runtime);
  if (!runtime.startsWith('nodejs')) throw unsupported(logicalId, `the runtime ${runtime}`);
  const name = template.ref(logicalId);
  const handler = String(properties.Handler);
  const taskRoot = options.code?.get(logicalId) ?? assetOf(resource, options.assembly);
  return {
    name,
    timeoutSeconds: Number(properties.Timeout ?? 3),
    reservedConcurrency: properties.ReservedConcurrentExecutions as number | undefined,
    provisionedConcurrency: provisionedConcurrencyOf(logicalId, template),
    worker: { taskRoot, handler, functionArn: template.getAtt(logicalId, 'Arn'), isTraced: isTraced(resource) },
    environment: {
      ...variablesOf(resource),
      ...options.environment(logicalId),
      _HANDLER: handler,
      LAMBDA_TASK_ROOT: taskRoot,
      AWS_REGION: template.environment.region,
      AWS_DEFAULT_REGION: template.environment.region,
      AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(properties.MemorySize ?? 128),
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
      NODE_PATH: [...modulesOfLayers(resource, template, options.assembly), ...packageFolders].join(delimiter),
      TZ: ':UTC',
    },
  };
}

const isTraced = ({ properties }: Resource) =>
  (properties.TracingConfig as { Mode?: string } | undefined)?.Mode === 'Active';

/** Of the aliases of the function. */
function provisionedConcurrencyOf(logicalId: string, template: Template): number {
  const aliases = template
    .resources('AWS::Lambda::Alias')
    .filter(({ raw }) => isReferenceTo(raw.FunctionName, logicalId));
  return aliases.reduce((sum, { properties }) => {
    const config = properties.ProvisionedConcurrencyConfig as { ProvisionedConcurrentExecutions?: number } | undefined;
    return sum + Number(config?.ProvisionedConcurrentExecutions ?? 0);
  }, 0);
}

const isReferenceTo = (value: unknown, logicalId: string) =>
  (value as { Ref?: unknown } | undefined)?.Ref === logicalId;

/**
 * The folders with the modules of a function's layers, in Lambda's order: a later layer replaces files of an earlier one. A
 * layer that is named by its ARN is not in the app, and has none.
 */
function modulesOfLayers({ raw }: Resource, template: Template, assembly: string): string[] {
  const layers = (raw.Layers ?? []) as (string | { Ref?: string })[];
  const ids = layers.flatMap((layer) => (typeof layer === 'object' && layer.Ref !== undefined ? [layer.Ref] : []));
  return ids.reverse().flatMap((id) => {
    const folder = assetOf(template.resource(id), assembly);
    if (!statSync(folder).isDirectory()) throw unsupported(id, `the file ${folder}; make a layer of a folder`);
    return ['nodejs/node24/node_modules', 'nodejs/node_modules'].map((modules) => join(folder, modules));
  });
}

function variablesOf({ logicalId, properties }: Resource): Record<string, string> {
  const { Variables: variables = {} } = (properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
  for (const [name, value] of Object.entries(variables)) {
    if (reservedVariables.includes(name)) throw new Error(`${logicalId}: Lambda reserves the variable ${name}`);
    if (typeof value !== 'string') throw new Error(`${logicalId}: the variable ${name} is not a string`);
  }
  const size = Buffer.byteLength(Object.entries(variables).flat().join(''));
  if (size > ENVIRONMENT_LIMIT) {
    throw new Error(`${logicalId}: its environment is ${size} bytes; Lambda's limit is ${ENVIRONMENT_LIMIT}`);
  }
  return variables as Record<string, string>;
}
