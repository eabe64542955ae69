import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { WorkerStarter } from '../../core/mcp/tasks/tasks.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { requestHandler } from '../../shared/aws-client-timeouts.ts';

/** Has AWS Lambda run the worker: it takes the job at once, does it later, and does it again when the worker fails. */
export function lambdaWorker(functionName: string): WorkerStarter {
  const client = new LambdaClient({ maxAttempts: 3, requestHandler });
  return {
    async start(job) {
      const Payload = JSON.stringify(job);
      try {
        await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
      } catch (error) {
        // A permission or a function that is missing is our mistake, and no outage.
        if (['AccessDeniedException', 'ResourceNotFoundException'].includes((error as Error).name)) throw error;
        throw new ServiceUnavailableError('The worker', error);
      }
    },
  };
}
