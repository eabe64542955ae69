import { unsupported } from '../template/unsupported-feature.ts';

/** @throws Error if a mapping template contains Velocity's references or directives */
export function assertStatic(logicalId: string, template: string): void {
  if (/\$[!{\w]|#[#*{\w]/.test(template)) {
    throw unsupported(logicalId, 'mapping templates with $references or #directives');
  }
}
