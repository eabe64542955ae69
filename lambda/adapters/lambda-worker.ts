import { Outage } from '../core/outage.ts';
import type { Job, WorkerStarter } from '../core/tasks.ts';

/**
 * Has AWS Lambda run the worker: it takes the job at once, does it later, and does it again when the worker fails. The
 * client is loaded when there is a job, which most servers never have.
 *
 * @param functionName of the worker; absent in the worker itself, which starts nobody
 */
export function lambdaWorker(functionName: string | undefined): WorkerStarter {
  const open = async () => {
    const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    const client = new LambdaClient({
      maxAttempts: 3,
      requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 },
    });
    return (job: Job) =>
      client.send(
        new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload: JSON.stringify(job) }),
      );
  };
  let opened: ReturnType<typeof open> | undefined;

  return {
    async start(job) {
      if (functionName === undefined) throw new Error('WORKER_FUNCTION is not set: nobody does long work here');
      opened ??= open();
      const send = await opened;
      try {
        await send(job);
      } catch (error) {
        if (/AccessDenied|ResourceNotFound/.test((error as Error).name)) throw error;
        throw new Outage('The worker', error);
      }
    },
  };
}
