import { useState } from 'preact/hooks';
import type { ErasedCount, Me } from '../../core/dashboard/dashboard-api.ts';
import { post, signOutReason } from '../api-client.ts';
import { ConfirmDialog } from '../components/confirm-dialog.tsx';
import { CopyableId } from '../components/copy-button.tsx';
import { Skeleton } from '../components/placeholders.tsx';
import { PropertyList } from '../components/property-list.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count } from '../format.ts';
import type { ViewProps } from './view-props.ts';

const text = dashboardText.me;

export function MyDataView({ me }: ViewProps) {
  const [isConfirming, setConfirming] = useState(false);
  return (
    <>
      <h1>{dashboardText.views.me}</h1>
      {!me ? (
        <Skeleton kind="row" count={4} />
      ) : (
        <>
          <AccountPanel me={me} />
          <section class="panel" aria-labelledby="erase">
            <h2 id="erase">{text.erase}</h2>
            <p>{text.eraseText}</p>
            <button type="button" class="danger outline" onClick={() => setConfirming(true)}>
              {text.erase}
            </button>
          </section>
          {isConfirming && <EraseDialog me={me} close={() => setConfirming(false)} />}
        </>
      )}
    </>
  );
}

const AccountPanel = ({ me }: { me: Me }) => (
  <section class="panel" aria-labelledby="account">
    <h2 id="account">{text.account}</h2>
    <PropertyList
      isSingleColumn
      properties={[
        [text.name, me.name],
        [
          text.id,
          <>
            <CopyableId id={me.user} label={text.id} />
            <p class="note">{text.idHint}</p>
          </>,
        ],
        [text.role, me.isAdmin ? text.admin : text.user],
        [text.signInExpires, <Timestamp key="expires" precision="minute" at={me.expiresAt} />],
        [text.retention, dashboardText.units.days(String(me.retentionDays))],
      ]}
    />
  </section>
);

function EraseDialog({ me, close }: { me: Me; close(): void }) {
  const [input, setInput] = useState('');
  const [erasedItems, setErasedItems] = useState(0);
  const erase = async () => {
    for (let items = 0; ; ) {
      const erased = await post<ErasedCount>(me, 'erase');
      items += erased.items;
      setErasedItems(items);
      if (erased.done) break;
    }
    signOutReason.set('erased');
  };
  return (
    <ConfirmDialog
      question={text.eraseQuestion}
      consequence={text.eraseText}
      action={text.erase}
      isReady={input.trim().toLowerCase() === text.eraseWord}
      {...(erasedItems > 0 && { failureText: text.eraseFailed })}
      run={erase}
      close={close}
    >
      <label>
        {text.eraseConfirm(text.eraseWord)}
        <input
          name="word"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          onInput={({ currentTarget }) => setInput(currentTarget.value)}
        />
      </label>
      <p role="status">{erasedItems > 0 && text.eraseProgress(count(erasedItems))}</p>
    </ConfirmDialog>
  );
}
