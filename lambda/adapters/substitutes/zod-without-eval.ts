import { config } from 'zod/v4/core';

/**
 * Injected before all modules of the bundle with the server, because the SDK creates hundreds of schemas at load time. Zod would compile the
 * parser of each object with `new Function` at its first use, which costs more than it saves in the few hundred requests
 * of an execution environment. The function then evaluates no generated code.
 */
config({ jitless: true });
