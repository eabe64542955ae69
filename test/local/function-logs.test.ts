import type { Statement } from '../../local/iam/iam-policy.ts';
import { FunctionPrincipals } from '../../local/iam/principals.ts';
import { FunctionLogs } from '../../local/lambda/function-logs.ts';

/** The log of a function whose role has the statements, in the log group `Group`. */
function logsOf(statements: Statement[]): FunctionLogs {
  const principals = new FunctionPrincipals();
  principals.add('ID', { functionName: 'Mcp', statements });
  const logs = new FunctionLogs(principals);
  logs.add('Mcp', 'ID', 'Group');
  return logs;
}

const write = (...actions: string[]): Statement => ({
  Effect: 'Allow',
  Action: actions.map((action) => `logs:${action}`),
  Resource: 'arn:aws:logs:us-east-1:000000000000:log-group:Group:*',
});

it('writes the lines of a function whose role permits both actions on its log group', () => {
  expect(logsOf([write('CreateLogStream', 'PutLogEvents')]).write('Mcp', 'line')).toBe('line');
});

it.each(['CreateLogStream', 'PutLogEvents'])(
  'loses the lines of a role that permits logs:%s alone, and says so once',
  (action) => {
    const logs = logsOf([write(action)]);
    expect(logs.write('Mcp', 'line')).toMatch(/^The log of the function is lost\. .* not authorized to perform: logs:/);
    expect(logs.write('Mcp', 'line')).toBeUndefined();
  },
);

it('loses the lines of a role that permits another log group', () => {
  const other = {
    ...write('CreateLogStream', 'PutLogEvents'),
    Resource: 'arn:aws:logs:us-east-1:000000000000:log-group:Other:*',
  };
  expect(logsOf([other]).write('Mcp', 'line')).toMatch('log-group:Group:log-stream:local');
});
