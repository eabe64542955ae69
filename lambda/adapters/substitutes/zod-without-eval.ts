import { config } from 'zod/v4/core';

/**
 * To be imported before any module that creates schemas: the SDK creates hundreds at load time. Zod would compile the
 * parser of each object with `new Function` at its first use, which costs more than it saves in the few hundred requests
 * of an execution environment. The function then evaluates no generated code.
 */
config({ jitless: true });
