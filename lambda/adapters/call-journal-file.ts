import { constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { CallJournal, OpenCall } from '../core/audit/call-journal.ts';
import type { Logger } from '../core/support/logger.ts';

const NONE = Buffer.from('\n');

/**
 * The journal of an execution environment, which processes one request at a time. After a crash or a timeout "the Lambda
 * reset does not clear the /tmp directory content prior to the next init phase".
 *
 * The first line of the file has the calls. A call costs two writes into one page of the cache and no other change of the
 * file: the next line is the rest of a longer one. The file has no arguments and no token.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html "Failures during the invoke phase"
 * @param folder the temporary folder of the environment
 */
export function callJournalFile(folder: string, log: Logger): CallJournal {
  const path = `${folder}/holdfast-calls`;
  let file: number | undefined;
  let hasFailed = false;
  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      hasFailed = true;
      log('call_journal_failed', { cause: String(error) });
      return undefined;
    }
  };
  return {
    keep(calls) {
      // The folder is full or read-only: the next call would fail too.
      if (hasFailed) return;
      attempt(() => {
        file ??= openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
        if (calls.length === 0) writeSync(file, NONE, 0, 1, 0);
        else writeSync(file, `${JSON.stringify(calls)}\n`, 0);
      });
    },
    unfinished() {
      if (!existsSync(path)) return [];
      const calls = attempt(() => JSON.parse(readFileSync(path, 'utf8').split('\n', 1)[0] || '[]') as OpenCall[]);
      hasFailed = false;
      return calls ?? [];
    },
  };
}
