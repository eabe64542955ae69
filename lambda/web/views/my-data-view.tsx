import { useState } from 'preact/hooks';
import type { ErasedCount } from '../../core/dashboard/dashboard-api.ts';
import { post, signedOut } from '../api-client.ts';
import { Confirm } from '../components/confirm.tsx';
import { Id } from '../components/copy.tsx';
import { Moment } from '../components/moment.tsx';
import { Skeleton } from '../components/placeholders.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count } from '../format.ts';
import type { ViewProps } from './view-props.ts';

const words = dashboardText.me;

export function MyDataView({ me }: ViewProps) {
  const [isAsking, setAsking] = useState(false);
  const [typed, setTyped] = useState('');
  const [gone, setGone] = useState(0);
  if (!me)
    return (
      <>
        <h1>{dashboardText.views.me}</h1>
        <Skeleton kind="row" count={4} />
      </>
    );

  const erase = async () => {
    for (let items = 0; ; ) {
      const erased = await post<ErasedCount>(me, 'erase');
      items += erased.items;
      setGone(items);
      if (erased.done) break;
    }
    signedOut.set('erased');
  };
  return (
    <>
      <h1>{dashboardText.views.me}</h1>
      <section class="panel" aria-labelledby="you">
        <h2 id="you">{words.you}</h2>
        <dl class="facts single">
          {me.name && (
            <div>
              <dt>{words.name}</dt>
              <dd>{me.name}</dd>
            </div>
          )}
          <div>
            <dt>{words.key}</dt>
            <dd>
              <Id id={me.user} what={words.key} />
              <p class="note">{words.keyHint}</p>
            </dd>
          </div>
          <div>
            <dt>{words.role}</dt>
            <dd>{me.isAdmin ? words.owner : words.user}</dd>
          </div>
          <div>
            <dt>{words.signInEnds}</dt>
            <dd>
              <Moment to="minute" at={me.expiresAt} />
            </dd>
          </div>
          <div>
            <dt>{words.kept}</dt>
            <dd>{dashboardText.units.days(String(me.retentionDays))}</dd>
          </div>
        </dl>
      </section>
      <section class="panel" aria-labelledby="erase">
        <h2 id="erase">{words.erase}</h2>
        <p>{words.eraseText}</p>
        <button
          type="button"
          class="danger outline"
          onClick={() => {
            setTyped('');
            setAsking(true);
          }}
        >
          {words.erase}
        </button>
      </section>
      {isAsking && (
        <Confirm
          question={words.eraseQuestion}
          consequence={words.eraseText}
          action={words.erase}
          isReady={typed.trim().toLowerCase() === words.eraseWord}
          {...(gone > 0 && { failed: words.eraseFailed })}
          act={erase}
          close={() => setAsking(false)}
        >
          <label>
            {words.eraseType(words.eraseWord)}
            <input
              name="word"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              onInput={({ currentTarget }) => setTyped(currentTarget.value)}
            />
          </label>
          <p role="status">{gone > 0 && words.erasing(count(gone))}</p>
        </Confirm>
      )}
    </>
  );
}
