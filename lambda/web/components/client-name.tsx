import { quotedName } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';

type Named = { clientLabel: string; clientName?: string | undefined };

/**
 * The registered name of a client, and then the name that it states, which any client may choose. One element, because a
 * cell of a narrow table is a grid of its label and one value.
 */
export const ClientName = ({ client: { clientLabel, clientName } }: { client: Named }) => (
  <span>
    {clientLabel}
    {clientName !== undefined && clientName !== clientLabel && (
      <span class="note"> {dashboardText.callsItself(quotedName(clientName))}</span>
    )}
  </span>
);
