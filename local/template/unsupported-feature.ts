/** An error for a feature of CloudFormation or AWS that a resource uses and the local emulator does not have. */
export function unsupported(logicalId: string, feature: string): Error {
  return new Error(`${logicalId}: the local emulator does not support ${feature}`);
}
