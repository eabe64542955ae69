import { config } from 'zod/v4/core';

/**
 * To be imported before anything that makes schemas: the SDK makes hundreds when it is loaded. Zod would compile each
 * object's parser with `new Function` when it is first used, which costs more than it saves in the few hundred requests
 * that an environment lives for; and there is no code from text in the function.
 */
config({ jitless: true });
