import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import {
  initialize,
  OAuthClient,
  postMcp,
  redirectUri,
  register,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { Browser, type Page } from '../../local/testing/form-browser.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import {
  type Answer,
  answerOf,
  type Counts,
  expectCount,
  expectStatus,
  expectThat,
  type Flow,
  jsonOf,
  locationOf,
  pageAnswer,
} from './flow.ts';
import { grantsSince, itemAt, seconds } from './table-reads.ts';

/** The steps of sign-in, and the requests of an OAuth client. */

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const provider = 'http://localhost:';
/** A browser stops at the first redirect. */
const anywhere = '';

/** With a new name, which is part of the id of a registered client. */
const newClient = ({ origin }: TestCloud) => OAuthClient.register(origin, { client_name: `Client ${randomUUID()}` });

const isCode = (answer: Answer) => /[?&]code=hac1_/.test(locationOf(answer));
const codeIn = (location: string) => new URL(location).searchParams.get('code')!;
const isTokens = ({ status }: Answer) => status === 200;
const tokensIn = (answer: Answer) => jsonOf(answer) as unknown as Tokens;
const grantIn = ({ refresh_token }: Tokens) => /^hrt1_([^.]+)/.exec(refresh_token)![1]!;

/** Keeps the last page of the steps of a browser. */
class Steps {
  browser = new Browser();
  page!: Page;

  async take(isHeard: boolean, request: (browser: Browser) => Promise<Page>): Promise<Answer> {
    return pageAnswer(
      request(isHeard ? this.browser : this.browser.copy()).then((page) => {
        if (isHeard) this.page = page;
        return page;
      }),
    );
  }
}

/** The whole sign-in of a client: the answer to an error that was sent to it. */
async function startOver(client: OAuthClient, steps: Steps): Promise<Answer> {
  steps.browser = new Browser();
  const consent = await steps.browser.open(client.authorizationUrl(), redirectUri);
  const signIn = await steps.browser.submit(consent, { answer: 'approve' }, redirectUri);
  return steps.take(true, (browser) => browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri));
}

const isClientError = (answer: Answer) => locationOf(answer).includes('error=');

async function expectUsableCode(cloud: TestCloud, client: OAuthClient, code: string): Promise<void> {
  const redeemed = await answerOf(client.redeem(code));
  expectStatus(redeemed, 200, 'redemption of the code');
  await expectUsableTokens(cloud, client, tokensIn(redeemed));
}

async function expectUsableTokens(cloud: TestCloud, client: OAuthClient, tokens: Tokens): Promise<void> {
  expectStatus(await answerOf(postMcp(cloud.origin, tokens.access_token, initialize)), 200, 'use of the access token');
  expectStatus(await answerOf(client.refresh(tokens.refresh_token)), 200, 'use of the refresh token');
}

async function expectGrants(cloud: TestCloud, { id }: OAuthClient, since: number, counts: Counts): Promise<void> {
  const grants = (await grantsSince(cloud, since)).filter(({ client }) => client === id);
  expectCount('grants of the client', grants.length, counts);
}

const registration: Flow = {
  name: 'registration',
  reader: 'client',
  async prepare({ origin }) {
    const metadata = { client_name: `Client ${randomUUID()}`, redirect_uris: ['http://127.0.0.1/callback'] };
    let id = '';
    return {
      send: () => answerOf(register(origin, metadata)),
      isSuccess(answer) {
        if (answer.status === 201) id = String(jsonOf(answer).client_id);
        return answer.status === 201;
      },
      async verify() {
        const page = await new Browser().open(OAuthClient.known(origin, id).authorizationUrl(), redirectUri);
        expectThat(page.status === 200, `authorization request of the client: ${page.status}`);
      },
    };
  },
};

const authorizationRequest: Flow = {
  name: 'authorization request',
  reader: 'user',
  async prepare(cloud) {
    const client = await newClient(cloud);
    const steps = new Steps();
    return {
      send: (isHeard = true) => steps.take(isHeard, (browser) => browser.open(client.authorizationUrl(), redirectUri)),
      isSuccess: ({ status }) => status === 200,
      async verify() {
        const denied = await steps.browser.submit(steps.page, { answer: 'deny' }, redirectUri);
        expectThat(
          denied.url.includes('error=access_denied'),
          `submission of the page: ${denied.status} ${denied.url}`,
        );
      },
    };
  },
};

async function atConsent(cloud: TestCloud) {
  const client = await newClient(cloud);
  const steps = new Steps();
  const consent = await steps.browser.open(client.authorizationUrl(), redirectUri);
  return { client, steps, consent, since: seconds() };
}

const consentApproved: Flow = {
  name: 'consent',
  reader: 'user',
  async prepare(cloud) {
    const { client, steps, consent, since } = await atConsent(cloud);
    const send = (isHeard = true) =>
      steps.take(isHeard, (browser) => browser.submit(consent, { answer: 'approve' }, anywhere));
    return {
      send,
      repeat: (answer) => (isClientError(answer) ? startOver(client, steps) : send()),
      isSuccess: (answer) => isCode(answer) || locationOf(answer).startsWith(provider),
      async verify(counts) {
        const { browser } = steps;
        const signIn = steps.page.url.startsWith(provider)
          ? await browser.open(steps.page.url, redirectUri)
          : undefined;
        const back = signIn
          ? await browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri)
          : steps.page;
        expectThat(back.url.includes('code='), `sign-in after the consent: ${back.status} ${back.url}`);
        await expectUsableCode(cloud, client, codeIn(back.url));
        await expectGrants(cloud, client, since, counts);
      },
    };
  },
};

const consentDenied: Flow = {
  name: 'denial of consent',
  reader: 'user',
  async prepare(cloud) {
    const { steps, consent } = await atConsent(cloud);
    return {
      send: (isHeard = true) =>
        steps.take(isHeard, (browser) => browser.submit(consent, { answer: 'deny' }, redirectUri)),
      isSuccess: (answer) => locationOf(answer).includes('error=access_denied'),
      async verify() {},
    };
  },
};

const callback: Flow = {
  name: 'callback',
  reader: 'user',
  async prepare(cloud) {
    const { client, steps, consent, since } = await atConsent(cloud);
    const signIn = await steps.browser.submit(consent, { answer: 'approve' });
    const { url } = await steps.browser.submit(
      signIn,
      { username: 'ada', password: 'ada' },
      `${cloud.origin}/callback`,
    );
    return {
      send: (isHeard = true) => steps.take(isHeard, (browser) => browser.open(url, anywhere)),
      // A browser follows redirects: the provider, where the user is signed in, may send it back once more.
      repeat: (answer) =>
        isClientError(answer)
          ? startOver(client, steps)
          : steps.take(true, (browser) => browser.open(url, redirectUri)),
      isSuccess: isCode,
      async verify(counts) {
        await expectUsableCode(cloud, client, codeIn(steps.page.url));
        await expectGrants(cloud, client, since, counts);
      },
    };
  },
};

/**
 * Redeems the code again. After the write that uses it, the client starts another authorization: a code is valid once
 * (RFC 6749 §4.1.2; `docs/reliability.md`).
 */
async function redeemAgain(client: OAuthClient, redeem: (code: string) => Promise<Answer>, code: string) {
  const again = await redeem(code);
  const isUsed = again.status === 400 && jsonOf(again).error_description === 'code is already used';
  return isUsed ? redeem(await client.signIn('ada')) : again;
}

const codeRedemption: Flow = {
  name: 'code redemption',
  reader: 'client',
  async prepare(cloud) {
    const client = await newClient(cloud);
    const code = await client.signIn('ada');
    let tokens: Tokens;
    return {
      send: () => answerOf(client.redeem(code)),
      repeat: () => redeemAgain(client, (each) => answerOf(client.redeem(each)), code),
      isSuccess(answer) {
        if (isTokens(answer)) tokens = tokensIn(answer);
        return isTokens(answer);
      },
      verify: () => expectUsableTokens(cloud, client, tokens),
    };
  },
};

const refresh: Flow = {
  name: 'refresh',
  reader: 'client',
  async prepare(cloud) {
    const client = await newClient(cloud);
    const before = await client.tokensFor('ada');
    let tokens: Tokens;
    return {
      send: () => answerOf(client.refresh(before.refresh_token)),
      isSuccess(answer) {
        if (isTokens(answer)) tokens = tokensIn(answer);
        return isTokens(answer);
      },
      async verify() {
        // The stored upstream token is the provider's latest: the next upstream refresh succeeds.
        const key = { pk: `T#${grantIn(before)}`, sk: '-' };
        await cloud.set(key, { refreshedAt: seconds() - 120, expiresAt: seconds() - 1 });
        await expectUsableTokens(cloud, client, tokens);
      },
    };
  },
};

const revocation: Flow = {
  name: 'revocation',
  reader: 'client',
  async prepare(cloud) {
    const client = await newClient(cloud);
    const tokens = await client.tokensFor('ada');
    return {
      send: () => answerOf(client.revoke(tokens.refresh_token)),
      isSuccess: ({ status }) => status === 200,
      async verify() {
        expectStatus(await answerOf(client.refresh(tokens.refresh_token)), 400, 'refresh after the revocation');
        expectStatus(await answerOf(postMcp(cloud.origin, tokens.access_token, initialize)), 401, 'call afterwards');
        await cloud.runSchedules();
        expectThat(!(await itemAt(cloud, `T#${grantIn(tokens)}`)), 'the upstream tokens are still stored');
      },
    };
  },
};

/** A pre-registered client that signs assertions: its registration, and its private key. */
export const assertingClient = once(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' };
  const redirectUris = ['http://127.0.0.1/callback'];
  const registration = { id: 'asserting-client', name: 'Asserting', redirectUris, jwks: { keys: [jwk] } };
  return { registration, privateKey };
});

const asserting = ({ origin }: TestCloud) => OAuthClient.known(origin, 'asserting-client');

/** A new assertion. */
async function assertion({ origin }: TestCloud) {
  const { registration, privateKey } = await assertingClient();
  const { id } = registration;
  const claims = { iss: id, sub: id, aud: origin, jti: randomUUID(), iat: seconds(), exp: seconds() + 600 };
  return {
    client_assertion: await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey),
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
}

/** The requests of a client with private_key_jwt, which signs an assertion for each of them. */
const assertedRedemption: Flow = {
  name: 'code redemption with private_key_jwt',
  reader: 'client',
  async prepare(cloud) {
    const client = asserting(cloud);
    const redeem = async (each: string) => answerOf(client.redeem(each, await assertion(cloud)));
    const code = await client.signIn('ada');
    let tokens: Tokens;
    return {
      send: () => redeem(code),
      repeat: () => redeemAgain(client, redeem, code),
      isSuccess(answer) {
        if (isTokens(answer)) tokens = tokensIn(answer);
        return isTokens(answer);
      },
      async verify() {
        const refreshed = client.refresh(tokens.refresh_token, await assertion(cloud));
        expectStatus(await answerOf(refreshed), 200, 'use of the refresh token');
      },
    };
  },
};

const assertedRefresh: Flow = {
  name: 'refresh with private_key_jwt',
  reader: 'client',
  async prepare(cloud) {
    const client = asserting(cloud);
    const redeemed = await answerOf(client.redeem(await client.signIn('ada'), await assertion(cloud)));
    const before = tokensIn(redeemed);
    let tokens: Tokens;
    return {
      send: async () => answerOf(client.refresh(before.refresh_token, await assertion(cloud))),
      isSuccess(answer) {
        if (isTokens(answer)) tokens = tokensIn(answer);
        return isTokens(answer);
      },
      async verify() {
        const refreshed = client.refresh(tokens.refresh_token, await assertion(cloud));
        expectStatus(await answerOf(refreshed), 200, 'use of the refresh token');
      },
    };
  },
};

export const oauthFlows: Flow[] = [
  registration,
  authorizationRequest,
  consentApproved,
  consentDenied,
  callback,
  codeRedemption,
  refresh,
  revocation,
  assertedRedemption,
  assertedRefresh,
];
