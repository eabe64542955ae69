import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';

// The command line of the CDK passes the context of cdk.json in the same way.
process.env.CDK_CONTEXT_JSON = JSON.stringify(JSON.parse(readFileSync('cdk.json', 'utf8')).context);
const { stack } = await import('../bin/app.js');

test('the stack has the URL of the server as output', () => {
  Template.fromStack(stack).hasOutput('McpUrl', {});
});
