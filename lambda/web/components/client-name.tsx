import { quotedName } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';

type Named = { clientLabel: string; clientName?: string | undefined };

/** The registered name of a client, and then the name that it states, which any client may choose. */
export const ClientName = ({ client: { clientLabel, clientName } }: { client: Named }) => (
  <>
    {clientLabel}
    {clientName !== undefined && clientName !== clientLabel && (
      <span class="note"> {dashboardText.callsItself(quotedName(clientName))}</span>
    )}
  </>
);
