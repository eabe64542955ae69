import { isInside, type SynthesizedStack } from './cloud-assembly.ts';

/** The types of resources that the emulator has also outside of the construct: a tool may use the owner's table. */
const emulatedTypes =
  /^AWS::(DynamoDB::(Global)?Table|KMS::Key|SecretsManager::Secret|Lambda::LayerVersion|IAM::\w+|Cognito::\w+)$/;

/** Resources without an effect on requests. */
const ignoredTypes = new Set(['AWS::CDK::Metadata']);

/**
 * Whether the emulator has a resource of the stack: those of the construct, and those of the owner that a tool can use
 * locally.
 */
export function isEmulated(
  { template, paths, construct, otherConstructs }: SynthesizedStack,
  logicalId: string,
): boolean {
  const path = paths.get(logicalId);
  if (isInside(path, construct)) return true;
  if (otherConstructs.some((other) => isInside(path, other))) return false;
  return emulatedTypes.test(template.Resources?.[logicalId]?.Type ?? '');
}

/** A line about the owner's resources that the emulator does not have; undefined if it has all. */
export function missingResources(stack: SynthesizedStack): string | undefined {
  const types = Object.entries(stack.template.Resources ?? {})
    .filter(([logicalId]) => !isEmulated(stack, logicalId))
    .filter(([logicalId]) => !stack.otherConstructs.some((other) => isInside(stack.paths.get(logicalId), other)))
    .map(([, { Type }]) => Type)
    .filter((type) => !ignoredTypes.has(type));
  const counts = Map.groupBy(types, (type) => type);
  const listed = [...counts].map(([type, { length }]) => (length > 1 ? `${length} ${type}` : type)).sort();
  return listed.length === 0 ? undefined : `Not emulated, of ${stack.stackName}: ${listed.join(', ')}`;
}
