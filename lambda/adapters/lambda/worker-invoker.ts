import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { WorkerStarter } from '../../core/mcp/tasks/tasks.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { requestHandler } from '../../shared/aws-client-timeouts.ts';

/** Invokes the worker asynchronously: Lambda queues the job and repeats it when the worker fails. */
export function lambdaWorker(functionName: string): WorkerStarter {
  const client = new LambdaClient({ maxAttempts: 3, requestHandler });
  return {
    async start(job) {
      const Payload = JSON.stringify(job);
      try {
        await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
      } catch (error) {
        // A missing permission or function is an error of the configuration, which waiting does not cure.
        if (['AccessDeniedException', 'ResourceNotFoundException'].includes((error as Error).name)) throw error;
        throw new ServiceUnavailableError('The worker', error);
      }
    },
  };
}
