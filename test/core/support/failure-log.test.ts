import { logFailure } from '../../../lambda/core/support/failure-log.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';

describe('logFailure', () => {
  test('logs a service that did not answer with its cause', () => {
    const log = jest.fn();
    const error = new ServiceUnavailableError('The session table', new Error('socket hang up'));
    expect(logFailure(log, error)).toBe('service_unavailable');
    expect(log.mock.calls).toEqual([
      ['service_unavailable', { message: 'The session table did not answer', cause: 'Error: socket hang up' }],
    ]);
  });

  test('logs any other error with its stack', () => {
    const log = jest.fn();
    expect(logFailure(log, new Error('broken'))).toBe('unexpected_error');
    expect(log.mock.calls).toEqual([['unexpected_error', { error: expect.stringMatching(/^Error: broken\n +at /) }]]);
  });

  test('logs a thrown value that is not an error', () => {
    const log = jest.fn();
    expect(logFailure(log, 'broken')).toBe('unexpected_error');
    expect(log.mock.calls).toEqual([['unexpected_error', { error: 'broken' }]]);
  });
});
