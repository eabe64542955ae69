import { quotedName } from '../../core/dashboard/dashboard-api.ts';
import { shortId } from '../format.ts';
import { useStore } from '../page-store.ts';
import { suggestions } from '../suggestions.ts';

/** @returns a function for the name of a user: the name if names are shown, else the start of the key */
export function useNameOf(): (user: string, userName?: string) => string {
  const { users } = useStore(suggestions);
  return (user, userName) => userName ?? users.get(user) ?? shortId(user);
}

/** The same for a sentence: a name is in quotation marks. */
export function useQuotedNameOf(): (user: string, userName?: string) => string {
  const nameOf = useNameOf();
  return (user, userName) => {
    const name = nameOf(user, userName);
    return name === shortId(user) ? name : quotedName(name);
  };
}

export function UserName({ user, userName }: { user: string; userName?: string | undefined }) {
  const name = useNameOf()(user, userName);
  return (
    <span class={name === shortId(user) ? 'user-key' : 'name'} title={user}>
      {name}
    </span>
  );
}
