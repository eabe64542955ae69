import module from 'node:module';

// `--import` loads this before the app: aws-cdk-lib is then loaded from the cache, in half of the time. Node.js before 22.8
// has none.
module.enableCompileCache?.();
