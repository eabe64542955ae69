/**
 * Compiles the pattern by which Node.js tells IPv6 addresses from host names when it connects. V8's optimization of
 * patterns makes that 6 ms of the CPU of each cold start; without it, it is 1.5 ms. V8 compiles a pattern at its first use and again at
 * its second. Other patterns keep the optimization.
 */
export function compileAddressPattern(): void {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { isIPv6 } = process.getBuiltinModule('node:net');
  setFlagsFromString('--no-regexp-optimization');
  isIPv6('');
  isIPv6('');
  setFlagsFromString('--regexp-optimization');
}
