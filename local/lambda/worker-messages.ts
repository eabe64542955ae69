/** A function's code. Its environment variables are the worker's `process.env`. */
export type WorkerData = { taskRoot: string; handler: string; functionArn: string; isTraced: boolean };

export type ToWorker =
  /** `deadline` in epoch milliseconds. */
  | { type: 'invoke'; requestId: string; event: string; deadline: number }
  /** The reader has taken the last chunk: the worker may send the next one. */
  | { type: 'taken' };

export type RemoteError = { errorType: string; errorMessage: string; trace: string[] };

export type FromWorker =
  | { type: 'ready' }
  | { type: 'initialization-failed'; error: RemoteError }
  | { type: 'chunk'; bytes: Uint8Array }
  /** The response is complete, and its handler has not returned yet. */
  | { type: 'end' }
  /** The handler has returned or failed, and its response is complete: the environment is idle again. */
  | { type: 'done'; error: RemoteError | undefined }
  /** Work of an invocation that its response does not wait for, before `done`. `tool` is the name that the client sent. */
  | { type: 'unfinished'; work: string[]; tool: string | undefined }
  | { type: 'log'; line: string };
