import fc from 'fast-check';
import { ClientDocumentError } from '../../../lambda/core/oauth/clients/client-document.ts';
import { documentError, OAuthError, oauthError, statusOf } from '../../../lambda/core/oauth/oauth-error.ts';
import { anyString } from '../../support/any-string.ts';

test.each([
  ['code_expired', 'invalid_grant', 400],
  ['client_unregistered', 'invalid_client', 401],
  ['registration_disabled', 'access_denied', 403],
  ['unexpected_error', 'server_error', 500],
  ['service_unavailable', 'temporarily_unavailable', 503],
] as const)('maps %s to the wire code %s and status %i', (reason, code, status) => {
  const error = oauthError(reason);
  expect([error.reason, error.code, statusOf(error.code)]).toEqual([reason, code, status]);
});

test.each([
  ['unreachable', 'temporarily_unavailable', 400],
  ['delayed', 'temporarily_unavailable', 429],
  ['rejected', 'invalid_client', 401],
] as const)('maps a client document that is %s to %s with status %i, never to 5xx', (fault, code, status) => {
  const error = documentError('client_document_rejected', new ClientDocumentError('why', fault), 'https://a.example/c');
  expect([error.code, error.status]).toEqual([code, status]);
});

test('describes the rejected value and shortens it', () => {
  expect(oauthError('redirect_uri_not_listed', 'https://evil.example/cb').message).toBe(
    "redirect_uri 'https://evil.example/cb' is not on the allow-list",
  );
  expect(oauthError('scope_not_granted', 'x'.repeat(200)).message).toContain(`${'x'.repeat(37)}...`);
});

test('describes every error in at most 100 characters that RFC 6749 permits', () => {
  fc.assert(
    fc.property(fc.oneof(anyString({ maxLength: 300 }), fc.string()), (value) => {
      const errors = [
        oauthError('redirect_uri_invalid', value, value),
        oauthError('client_document_rejected', value),
        oauthError('registration_invalid', value, value),
        new OAuthError('parameter_missing', value),
      ];
      for (const { message } of errors) expect(message).toMatch(/^[ !#-[\]-~]{0,100}$/);
    }),
  );
});
