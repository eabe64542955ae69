/**
 * Compiles the pattern by which Node.js tells IPv6 addresses from host names when it connects. With V8's optimization of
 * patterns the first connection of a process waits 7 ms for that; without it, less than one. V8 compiles a pattern at its first use
 * and again at its second. Other patterns keep the optimization.
 */
export function compileAddressPattern(): void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { isIPv6 } = process.getBuiltinModule('node:net');
  setFlagsFromString('--no-regexp-optimization');
  isIPv6('');
  isIPv6('');
  setFlagsFromString('--regexp-optimization');
}
