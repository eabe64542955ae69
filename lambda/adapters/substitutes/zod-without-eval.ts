/**
 * Injected before all modules of the bundle with the server, because the SDK creates hundreds of schemas at load time. Zod
 * would compile the parser of each object with `new Function` at its first use, which costs more than it saves in the few
 * hundred requests of an execution environment. The function then evaluates no generated code.
 *
 * All copies of Zod have one configuration, in the global object. It is set without an import: esbuild would wrap Zod in a
 * function where a CommonJS module is bundled, and V8 would parse it twice.
 */
const global = globalThis as { __zod_globalConfig?: { jitless?: boolean } };
global.__zod_globalConfig ??= {};
global.__zod_globalConfig.jitless = true;
