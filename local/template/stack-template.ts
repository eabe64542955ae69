import { type EmulatorOrigins, originMap } from './local-origins.ts';
import { resourceAttributes } from './resource-attributes.ts';
import type { SynthesizedStack } from './synthesis.ts';
import { Template } from './template.ts';

/**
 * The template of a synthesized stack, resolved for the local emulator.
 *
 * @param createKey as `Kms.createKey`: returns the same key for the same logical id
 */
export function stackTemplate(
  { template, stackName }: SynthesizedStack,
  origins: EmulatorOrigins,
  createKey: (logicalId: string, properties: Record<string, unknown>) => { keyId: string; arn: string },
): Template {
  return new Template(template, {
    stackName,
    origins: originMap(template, origins),
    attributes(logicalId, type, properties) {
      if (type !== 'AWS::KMS::Key') return resourceAttributes(logicalId, type, properties);
      const { keyId, arn } = createKey(logicalId, properties);
      return { Ref: keyId, KeyId: keyId, Arn: arn };
    },
  });
}
