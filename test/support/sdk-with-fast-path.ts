import type * as Sdk from '@modelcontextprotocol/server';
import { light, provideSdkPath, sdkPath } from '../../lambda/core/mcp/fast-path/sdk-facade.ts';

/** `@modelcontextprotocol/server` as the bundle with the fast path has it (jest.config.js). */
const sdk: typeof Sdk = require('../../node_modules/@modelcontextprotocol/server/dist/index.cjs');
provideSdkPath(() => ({ ...require('../../lambda/core/mcp/fast-path/sdk-path.ts'), sdk }));

for (const name of Object.keys(sdk)) {
  const get = () => (name in light ? light : sdkPath().sdk)[name as never];
  Object.defineProperty(module.exports, name, { enumerable: true, get });
}
