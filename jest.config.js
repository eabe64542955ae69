import { availableParallelism } from 'node:os';

/** Tests run as CommonJS, because @swc/jest is the transformer that supports TypeScript 7. These packages are ESM only. */
const esmOnly = ['@ai-sdk', '@workflow', 'commander', 'jose', 'oauth4webapi', 'request-filtering-agent', 'zod/v4'];

// `imports` of package.json resolve `#server` and `#scopes` to the tests' own (test/support/fixture-server.ts), in jest
// and in every process that a test starts.
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --conditions=fixture`.trim();

// Every process that a test starts loads its modules from one cache.
process.env.NODE_COMPILE_CACHE ??= new URL('node_modules/.cache/holdfast/compiled', import.meta.url).pathname;

/** The suites of one process on the fast path: `HOLDFAST_FAST_PATH=1 npx jest test/core/mcp`. */
const fastPath = {
  '^@modelcontextprotocol/server$': '<rootDir>/test/support/sdk-with-fast-path.ts',
  '^#server-step$': '<rootDir>/lambda/core/mcp/fast-path/fast-server-step.ts',
};

export default {
  ...(process.env.HOLDFAST_FAST_PATH && {
    moduleNameMapper: fastPath,
    // It compares both paths itself.
    testPathIgnorePatterns: ['/node_modules/', 'fast-path.test'],
  }),
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['node', 'node-addons', 'fixture'] },
  // Many tests wait for other processes: three workers on two cores would leave a quarter of them idle. A number, because
  // jest reads a percentage above 100 as one.
  maxWorkers: 2 * availableParallelism(),
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.holdfast', '<rootDir>/dist'],
};
