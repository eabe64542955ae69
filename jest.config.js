/** Tests run as CommonJS: @swc/jest is the transformer that works with TypeScript 7, and these packages ship ESM alone. */
const esmOnly = ['commander', 'jose', 'oauth4webapi', 'request-filtering-agent'];

export default {
  testEnvironment: 'node',
  // Most tests wait for other processes, so one worker leaves half of a small machine idle.
  maxWorkers: '100%',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '^.+\\.(ts|js)$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join('|')})/)`],
  modulePathIgnorePatterns: ['<rootDir>/cdk.out', '<rootDir>/.holdfast'],
};
