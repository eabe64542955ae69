import { attemptUpTo, retry, retryOnConflict } from '../../../lambda/core/support/retry-on-conflict.ts';
import { ContentionError, ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';

const contended = { service: 'The session table', item: 'session abc' };

describe('retryOnConflict', () => {
  test('returns the result of the first attempt that meets no conflict', async () => {
    const attempt = jest.fn<Promise<string | typeof retry>, []>();
    attempt.mockResolvedValueOnce(retry).mockResolvedValueOnce(retry).mockResolvedValueOnce('written');
    await expect(retryOnConflict(contended, attempt)).resolves.toBe('written');
    expect(attempt).toHaveBeenCalledTimes(3);
  });

  test('returns undefined as a result', async () => {
    await expect(retryOnConflict(contended, async () => undefined)).resolves.toBeUndefined();
  });

  test('reports contention of the item after five conflicts', async () => {
    const attempt = jest.fn(async () => retry as typeof retry);
    const failure = await retryOnConflict(contended, attempt).catch((error) => error);
    expect(failure).toBeInstanceOf(ServiceUnavailableError);
    expect(failure).toBeInstanceOf(ContentionError);
    expect(failure.message).toContain('session abc');
    expect(attempt).toHaveBeenCalledTimes(5);
  });

  test('passes on an error at once', async () => {
    const attempt = jest.fn(async () => {
      throw new Error('broken');
    });
    await expect(retryOnConflict(contended, attempt)).rejects.toThrow('broken');
    expect(attempt).toHaveBeenCalledTimes(1);
  });
});

test('attemptUpTo returns retry when every attempt met a conflict', async () => {
  const attempt = jest.fn(async () => retry as typeof retry);
  await expect(attemptUpTo(3, attempt)).resolves.toBe(retry);
  expect(attempt).toHaveBeenCalledTimes(3);
});
