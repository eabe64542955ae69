import { useState } from 'preact/hooks';
import {
  type Me,
  quotedName,
  type RevokedCount,
  TOKENS_PATH,
  type TokenRow,
} from '../../core/dashboard/dashboard-api.ts';
import type { PersonalToken } from '../../core/oauth/tokens/personal-tokens.ts';
import { ApiRequestError, post } from '../api-client.ts';
import { ConfirmDialog } from '../components/confirm-dialog.tsx';
import { CopyButton } from '../components/copy-button.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { announce } from '../components/status-line.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { queryOf } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import type { ViewProps } from './view-props.ts';

const { columns, grants, tokens: text } = dashboardText;

const DAY_MS = 86_400_000;
/** The lifetimes that the page offers, as far as the setting permits them. */
const offeredDays = [1, 7, 30, 90, 180, 365];
const PROPOSED_DAYS = 30;
/** The page announces the expiry of a token so long before. */
const SOON_MS = 7 * DAY_MS;

/** The personal access tokens of the user. Admins find those of others below the connected apps. */
export function TokensView({ me }: ViewProps) {
  const [made, setMade] = useState<PersonalToken>();
  const [revoking, setRevoking] = useState<TokenRow>();
  const list = usePagedList<TokenRow>(
    'tokens',
    'tokens',
    () => queryOf({ user: me?.user }),
    ({ id }) => id,
    { isLive: true },
  );
  const { items, error, retrySeconds, isStale, hasMore, refresh } = list;
  if (me && !me.personalTokens) return <EmptyState heading={text.off}>{text.offHint}</EmptyState>;
  return (
    <>
      <h1>{dashboardText.views.tokens}</h1>
      <p class="muted">{text.intro}</p>
      {made && <MadeToken made={made} close={() => setMade(undefined)} />}
      {me && (
        <TokenForm
          me={me}
          show={(token) => {
            setMade(token);
            refresh();
          }}
        />
      )}
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !error && <Skeleton kind="row" count={3} />
      ) : (
        <section class="panel" aria-label={text.caption} aria-busy={isStale}>
          {items.length === 0 && !hasMore && <EmptyState heading={text.empty}>{text.emptyHint}</EmptyState>}
          {items.length > 0 && <TokensTable tokens={items} revoke={setRevoking} />}
          <LoadMore list={list} />
        </section>
      )}
      {me && revoking && (
        <ConfirmDialog
          question={grants.revokeQuestion(quotedName(revoking.clientName))}
          consequence={text.revokeConsequence}
          action={grants.revoke}
          run={async () => {
            const { revoked } = await post<RevokedCount>(me, `grants/${encodeURIComponent(revoking.id)}/revoke`);
            announce(grants.revoked(quotedName(revoking.clientName), revoked));
            refresh();
          }}
          close={() => setRevoking(undefined)}
        />
      )}
    </>
  );
}

/** The token, until the user closes it: no other response contains it. */
const MadeToken = ({ made: { token, expiresAt }, close }: { made: PersonalToken; close(): void }) => (
  <section class="panel" aria-labelledby="made" role="status">
    <h2 id="made">{text.made}</h2>
    <p>{text.madeHint}</p>
    <p class="secret">
      <code>{token}</code> <CopyButton text={token} label={text.token} />
    </p>
    <p class="secret">
      <code>{text.command(`${location.origin}/mcp`)}</code>
    </p>
    <p class="note">
      {text.expires} <Timestamp precision="minute" at={expiresAt} />
    </p>
    <button type="button" onClick={close}>
      {text.close}
    </button>
  </section>
);

function TokenForm({ me, show }: { me: Me; show(token: PersonalToken): void }) {
  const { mostDays, scopes } = me.personalTokens!;
  const [isWorking, setWorking] = useState(false);
  const [failure, setFailure] = useState<string>();
  const days = offeredDays.filter((each) => each < mostDays).concat(mostDays);
  const make = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const request = { name: given.get('name'), scopes: given.getAll('scope'), days: Number(given.get('days')) };
    if (request.scopes.length === 0) return setFailure(text.noScope);
    setWorking(true);
    setFailure(undefined);
    try {
      show(await post<PersonalToken>(me, TOKENS_PATH, request));
      // Not the lifetime and the scopes: a reset would choose the first lifetime.
      (form.elements.namedItem('name') as HTMLInputElement).value = '';
    } catch (error) {
      const isRetryable = error instanceof ApiRequestError && error.isRetryable;
      setFailure(isRetryable ? dashboardText.dialog.failed : text.rejected);
    } finally {
      setWorking(false);
    }
  };
  return (
    <section class="panel" aria-labelledby="make">
      <h2 id="make">{text.make}</h2>
      <form
        class="token-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isWorking) make(event.currentTarget);
        }}
      >
        <label>
          {text.name}
          <input name="name" required maxLength={60} autocomplete="off" placeholder={text.nameHint} />
        </label>
        <label>
          {text.lifetime}
          <select name="days">
            {days.map((each) => (
              <option key={each} value={each} selected={each === Math.min(PROPOSED_DAYS, mostDays)}>
                {dashboardText.units.days(String(each))}
              </option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>{columns.scopes}</legend>
          {scopes.map(({ name, description }, index) => (
            <label key={name}>
              <input type="checkbox" name="scope" value={name} defaultChecked={index === 0} /> <code>{name}</code>{' '}
              {description}
            </label>
          ))}
        </fieldset>
        {failure && (
          <p class="warning" role="alert">
            {failure}
          </p>
        )}
        <button type="submit" class="primary" disabled={isWorking} aria-busy={isWorking}>
          {text.make}
        </button>
      </form>
    </section>
  );
}

const TokensTable = ({ tokens, revoke }: { tokens: TokenRow[]; revoke(token: TokenRow): void }) => (
  <table class="list grants">
    <caption class="visually-hidden">{text.caption}</caption>
    <thead>
      <tr>
        <th scope="col">{text.name}</th>
        <th scope="col">{columns.state}</th>
        <th scope="col">{columns.scopes}</th>
        <th scope="col">{text.lastUsed}</th>
        <th scope="col">{columns.actions}</th>
      </tr>
    </thead>
    <tbody>
      {tokens.map((token) => (
        <tr key={token.id}>
          <th scope="row" class="main">
            {token.clientName}
          </th>
          <td class="first">
            <span class="stacked-lines">
              <StateBadge isActive={token.status === 'active'}>{grants.states[token.status]}</StateBadge>
              {token.status === 'active' && (
                <span class={token.endsAt - Date.now() < SOON_MS ? 'note soon' : 'note'}>
                  {text.expires} <Timestamp precision="day" at={token.endsAt} />
                </span>
              )}
            </span>
          </td>
          <td>
            <span class="stacked-lines">
              {token.scopes.map((scope) => (
                <code key={scope}>{scope}</code>
              ))}
            </span>
          </td>
          <td>
            {token.lastUsedAt === undefined ? text.unused : <Timestamp precision="minute" at={token.lastUsedAt} />}
          </td>
          <td class="wide-cell">
            {token.status === 'active' && (
              <button
                type="button"
                class="small danger outline"
                aria-label={grants.revokeNamed(quotedName(token.clientName))}
                onClick={() => revoke(token)}
              >
                {grants.revoke}
              </button>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
