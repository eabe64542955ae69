/**
 * The results of concurrent work, as `Promise.all` has them. After a failure it waits for the others before it throws: Lambda
 * freezes a function with its response, and with work that the response does not await.
 */
export async function settleAll<const Work extends readonly unknown[]>(
  work: Work,
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
