import { type DeploymentMarker, MARKER_ID, parseMarker } from '../../lib/deployment-marker.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { AwsEnvironment } from '../aws-api/aws-environment.ts';
import { type AssemblyStack, isInside, type SynthesizedStack } from './cloud-assembly.ts';
import { isEmulated } from './emulated-resources.ts';
import { type EmulatorOrigins, originMap } from './local-origins.ts';
import { resourceAttributes } from './resource-attributes.ts';
import { Template } from './template.ts';

/**
 * The template of a synthesized stack, resolved for the local emulator.
 *
 * @param createKey as `Kms.createKey`: returns the same key for the same logical id
 */
export function stackTemplate(
  stack: SynthesizedStack,
  origins: EmulatorOrigins,
  createKey: (logicalId: string, properties: Record<string, unknown>) => { keyId: string; arn: string },
): Template {
  const { template, stackName, app } = stack;
  const environment = new AwsEnvironment(stack);
  return new Template(template, {
    stackName,
    environment,
    origins: originMap(template, origins, environment, (logicalId) => isEmulated(stack, logicalId)),
    isEmulated: (logicalId) => isEmulated(stack, logicalId),
    importValue: (name, where) => exportedValue(app, environment, name, where),
    attributes(logicalId, type, properties) {
      if (type !== 'AWS::KMS::Key') return resourceAttributes(logicalId, type, properties, environment);
      const { keyId, arn } = createKey(logicalId, properties);
      return { Ref: keyId, KeyId: keyId, Arn: arn };
    },
  });
}

/** The outputs of the deployment's construct by their ids in it, with local addresses, and the one that describes it. */
export function deploymentIn({ stack, template }: { stack: SynthesizedStack; template: Template }): {
  outputs: Record<string, string>;
  marker: DeploymentMarker;
} {
  const { paths, construct } = stack;
  const own = Object.entries(stack.template.Outputs ?? {}).filter(([logicalId]) =>
    isInside(paths.get(logicalId), construct),
  );
  const outputs = Object.fromEntries(
    own.map(([logicalId, { Value }]) => [
      paths.get(logicalId)!.slice(construct.length + 1),
      String(template.resolve(Value, logicalId)),
    ]),
  );
  return { outputs, marker: parseMarker(outputs[MARKER_ID]!) };
}

/**
 * A value that another stack of the app exports. The emulator has none of its resources.
 *
 * @throws ConfigurationError naming the reference that no stack of the app exports
 */
function exportedValue(app: AssemblyStack[], environment: AwsEnvironment, name: string, where: string): unknown {
  for (const { template, stackName } of app) {
    const output = Object.values(template.Outputs ?? {}).find(({ Export }) => Export?.Name === name);
    if (output === undefined) continue;
    const exporter = new Template(template, {
      stackName,
      origins: [],
      isEmulated: () => false,
      importValue: (next, at) => exportedValue(app, environment, next, at),
      environment,
      attributes: (...resource) => resourceAttributes(...resource, environment),
    });
    return exporter.resolve(output.Value, name);
  }
  throw new ConfigurationError(
    `${where} imports ${name}, which no stack of the app exports; the emulator cannot read it`,
  );
}
