import { brief } from '../format.ts';
import { known } from '../known-values.ts';
import { useStore } from '../page-store.ts';

/** By name where names are shown, and else by the beginning of the key. */
export function useNameOf(): (user: string, userName?: string) => string {
  const { users } = useStore(known);
  return (user, userName) => userName ?? users.get(user) ?? brief(user);
}

export function UserName({ user, userName }: { user: string; userName?: string | undefined }) {
  const name = useNameOf()(user, userName);
  return (
    <span class={name === brief(user) ? 'key' : 'name'} title={user}>
      {name}
    </span>
  );
}
