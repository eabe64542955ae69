import type { OAuthPageText } from '../oauth-page-text.ts';
import { daysIn, scopesIn } from '../text-formats.ts';

const recorded =
  'Der Betreiber dieses Servers kann sehen, wann Sie diese App verbunden haben, mit welchen Berechtigungen, wann und von welcher Netzwerkadresse sie Anfragen sendet, und welche Werkzeuge des Servers sie wann und mit welchem Ergebnis aufruft.';
const logged =
  'Wenn ein Werkzeug fehlschlägt, kann der Betreiber den Fehler in einem Protokoll sehen, das einen Teil der Anfrage enthalten kann.';
const stored =
  'Eine Anfrage, die länger dauert, wird mit ihrer Antwort eine Zeit lang gespeichert, damit die Antwort nicht verloren geht.';
const repeated = 'Gehen Sie zurück zu Ihrer App. Wenn sie nicht verbunden ist, verbinden Sie sie erneut.';

export const germanPageText: OAuthPageText = {
  language: 'de',
  direction: 'ltr',
  consent: {
    heading: (client) => `${client} verbinden?`,
    identity: {
      domain: (domain) => `Die Beschreibung der App stammt von ${domain}.`,
      configured: 'Der Betreiber dieses Servers hat diese App eingerichtet.',
      'self-registered': 'Diese App hat sich selbst registriert. Ihr Name ist nicht überprüft.',
    },
    returnTo: 'Nach der Anmeldung kehren Sie zurück zu',
    returnPlace: {
      loopback: 'ein Programm auf diesem Computer',
      website: 'eine Website',
      application: 'eine Anwendung auf diesem Gerät',
    },
    loopbackWarning: 'Stimmen Sie nur zu, wenn Sie die Verbindung gerade selbst begonnen haben.',
    scopes: 'Die App darf',
    signInWith: (provider) => `Sie melden sich mit ${provider} an.`,
    account: {
      signInAs: (provider) => `Anmeldung mit ${provider} als`,
      other: 'anderes Konto',
      unexpected: (name) => `Sie sind als ${name} angemeldet. Noch wurde nichts verbunden.`,
    },
    approve: 'Zulassen',
    deny: 'Ablehnen',
    details: 'Einzelheiten',
    returnAddress: 'Rückkehradresse',
    loopbackAccess: 'Den Zugriff erhält ein Programm auf dem Computer, den Sie gerade benutzen.',
    server: 'Auf diesem Server',
    upstreamScopes: (provider) => `Angefragt bei ${provider}`,
    upstreamScopesOf: (scopes) =>
      `Dieser Server fragt an: ${scopesIn('de', scopes, {
        openid: 'Ihre Benutzerkennung',
        profile: 'Ihren Namen und Ihr Profil',
        email: 'Ihre E-Mail-Adresse',
        offline_access: 'Zugriff in Ihrer Abwesenheit',
      })}. Die App erhält dort keinen Zugriff.`,
    lifetime: 'Bleibt verbunden',
    lifetimeOf: ({ idleDays, absoluteDays }) =>
      `Bis zum Widerruf oder bis zur Nichtbenutzung für die Dauer von: ${daysIn('de', idleDays)}. Höchstdauer: ${daysIn('de', absoluteDays)}.`,
    recorded: 'Aufgezeichnet wird',
    recordedOf: {
      no: `${recorded} Die Inhalte von Anfragen und Antworten werden nicht aufgezeichnet. ${stored}`,
      digest: `${recorded} Die Inhalte von Anfragen werden als Prüfwert aufgezeichnet. Daran erkennt der Betreiber, ob eine Anfrage mit einer früheren oder mit einer, die er errät, übereinstimmt. Antworten werden nicht aufgezeichnet. ${stored}`,
      redacted: `${recorded} Von jeder Anfrage kann der Betreiber die Form sehen, etwa die Namen der Felder und die Länge der Werte, aber nicht den Inhalt. Antworten werden nicht aufgezeichnet. ${stored}`,
    },
    errorsOf: {
      none: logged,
      class: logged,
      message:
        'Wenn ein Werkzeug fehlschlägt, kann der Betreiber den Fehler sehen. Er wird aufgezeichnet und kann einen Teil der Anfrage enthalten.',
    },
    targets: 'Der Betreiber sieht auch, welche Vorlagen und Ressourcen des Servers die App liest.',
    seenAs: {
      name: 'Der Betreiber sieht auch Ihren Namen, wie ihn Ihr Anmeldedienst führt.',
      email: 'Der Betreiber sieht auch Ihre E-Mail-Adresse, wie sie Ihr Anmeldedienst führt.',
    },
  },
  problems: {
    'unknown-client': {
      heading: 'Diese App ist hier nicht registriert',
      happened:
        'Die App, die Sie hierher geführt hat, ist bei diesem Server nicht registriert, oder ihre Registrierung ist abgelaufen.',
      next: 'Entfernen Sie diesen Server in Ihrer App und fügen Sie ihn wieder hinzu. Wenn das nicht hilft, fragen Sie den Betreiber dieses Servers, ob die App zugelassen ist.',
    },
    'unusable-client': {
      heading: 'Diese App kann nicht verbunden werden',
      happened: 'Dieser Server akzeptiert die Beschreibung nicht, die die App über sich veröffentlicht.',
      next: 'Melden Sie das den Herstellern der App, zusammen mit der Angabe unten.',
    },
    'unreachable-client': {
      heading: 'Diese App kann zurzeit nicht verbunden werden',
      happened: 'Dieser Server konnte die Beschreibung nicht abrufen, die die App über sich veröffentlicht.',
      next: 'Verbinden Sie in einer Minute erneut. Wenn Sie diese Seite wieder sehen, melden Sie es den Herstellern der App, oder dem Betreiber dieses Servers, falls sich auch andere Apps nicht verbinden lassen.',
    },
    'delayed-client': {
      heading: 'Einen Moment bitte',
      happened: 'Zurzeit verbinden sich viele Apps zum ersten Mal mit diesem Server.',
      next: 'Warten Sie kurz und laden Sie diese Seite neu.',
    },
    'redirect-mismatch': {
      heading: 'Die Verbindung wurde abgebrochen',
      happened:
        'Die App will Sie zu einer Adresse zurückführen, die dieser Server für sie nicht akzeptiert. Das kann ein Fehler der App sein oder ein Versuch, in Ihr Konto zu gelangen. Es wurde nichts verbunden.',
      next: 'Wenn Sie gerade Ihre App verbunden haben, entfernen Sie dort diesen Server und fügen Sie ihn wieder hinzu. Wenn Sie einem Link von anderswo gefolgt sind, schließen Sie diese Seite.',
    },
    malformed: {
      heading: 'Das hat nicht funktioniert',
      happened: 'Die Anfrage, die Sie hierher geführt hat, ist unvollständig oder ungültig.',
      next: 'Gehen Sie zurück zu Ihrer App und verbinden Sie sie erneut. Wenn Sie diese Seite wieder sehen, melden Sie es den Herstellern der App, zusammen mit der Angabe unten.',
    },
    'answer-missing': {
      heading: 'Zulassen oder ablehnen?',
      happened: 'Dieser Server hat nicht erhalten, welche der beiden Schaltflächen Sie gedrückt haben.',
      next: 'Gehen Sie eine Seite zurück und wählen Sie erneut.',
    },
    'cross-origin': {
      heading: 'Ihre Wahl wurde nicht angenommen',
      happened: 'Sie wurde nicht von einer Seite dieses Servers gesendet. Es wurde nichts verbunden.',
      next: 'Wenn Sie gerade Ihre App verbunden haben, gehen Sie zu ihr zurück und verbinden Sie sie erneut. Andernfalls schließen Sie diese Seite.',
    },
    'request-closed': {
      heading: 'Diese Anfrage ist abgeschlossen',
      happened:
        'Sie haben sie bereits zugelassen oder abgelehnt, was auch bei doppeltem Drücken geschieht, oder sie war zu lange offen.',
      next: repeated,
    },
    'request-elsewhere': {
      heading: 'Diese Anfrage ist abgeschlossen',
      happened:
        'Sie wurde bereits zugelassen oder abgelehnt, war zu lange offen oder wurde in einem anderen Browser begonnen.',
      next: `${repeated} Bleiben Sie dabei in dem Browser, der sich öffnet.`,
    },
    'sign-in-closed': {
      heading: 'Diese Anmeldung ist beendet',
      happened: 'Sie wurde bereits abgeschlossen oder hat zu lange gedauert.',
      next: repeated,
    },
    'sign-in-elsewhere': {
      heading: 'Diese Anmeldung ist beendet',
      happened: 'Sie wurde bereits abgeschlossen, hat zu lange gedauert oder wurde in einem anderen Browser begonnen.',
      next: 'Gehen Sie zurück zu Ihrer App, oder zum Dashboard, wenn Sie sich dort angemeldet haben. Wenn die App nicht verbunden ist, verbinden Sie sie erneut und bleiben Sie in dem Browser, der sich öffnet. Wenn beides nicht zutrifft, schließen Sie diese Seite.',
    },
    'sign-in-denied': {
      heading: 'Sie sind nicht angemeldet',
      happened:
        'Die Anmeldung wurde abgebrochen, oder der Anmeldedienst hat sie nicht erlaubt. Es wurde nichts verbunden.',
      next: 'Gehen Sie zurück zu Ihrer App und verbinden Sie sie erneut. Wenn Sie sich nicht anmelden dürfen, fragen Sie den Betreiber dieses Servers.',
    },
    misconfigured: {
      heading: 'Die Anmeldung ist nicht richtig eingerichtet',
      happened:
        'Dieser Server und sein Anmeldedienst sind nicht füreinander eingerichtet. Sie haben nichts falsch gemacht, und Warten hilft nicht.',
      next: 'Bitten Sie den Betreiber dieses Servers, das zu beheben. Das Protokoll dieses Servers nennt Ursache und Abhilfe.',
    },
    unavailable: {
      heading: 'Einen Moment bitte',
      happened: 'Ein Dienst, den dieser Server braucht, antwortet zurzeit nicht.',
      next: 'Warten Sie kurz und laden Sie diese Seite neu. Wenn das nicht hilft, gehen Sie zurück zu Ihrer App und verbinden Sie sie später erneut.',
    },
    'server-error': {
      heading: 'Das hat nicht funktioniert',
      happened: 'Auf diesem Server ist ein Fehler aufgetreten. Sie haben nichts falsch gemacht.',
      next: 'Gehen Sie zurück zu Ihrer App und verbinden Sie sie erneut. Wenn Sie diese Seite wieder sehen, melden Sie es dem Betreiber dieses Servers, der die Einzelheiten im Protokoll findet.',
    },
  },
  dashboardProblems: {
    malformed: {
      heading: 'Das hat nicht funktioniert',
      happened: 'Die Adresse, die Sie geöffnet haben, ist unvollständig oder ungültig.',
      next: 'Öffnen Sie das Dashboard und melden Sie sich dort an.',
    },
    'sign-in-closed': {
      heading: 'Diese Anmeldung ist beendet',
      happened: 'Sie wurde bereits abgeschlossen oder hat zu lange gedauert.',
      next: 'Öffnen Sie das Dashboard. Wenn Sie dort nicht angemeldet sind, melden Sie sich erneut an.',
    },
    'sign-in-denied': {
      heading: 'Sie sind nicht angemeldet',
      happened: 'Die Anmeldung wurde abgebrochen, oder der Anmeldedienst hat sie nicht erlaubt.',
      next: 'Öffnen Sie das Dashboard und melden Sie sich erneut an. Wenn Sie sich nicht anmelden dürfen, fragen Sie den Betreiber dieses Servers.',
    },
    unavailable: {
      heading: 'Einen Moment bitte',
      happened: 'Ein Dienst, den dieser Server braucht, antwortet zurzeit nicht.',
      next: 'Warten Sie kurz und laden Sie diese Seite neu. Wenn das nicht hilft, öffnen Sie das Dashboard später wieder.',
    },
    'server-error': {
      heading: 'Das hat nicht funktioniert',
      happened: 'Auf diesem Server ist ein Fehler aufgetreten. Sie haben nichts falsch gemacht.',
      next: 'Öffnen Sie das Dashboard und melden Sie sich erneut an. Wenn Sie diese Seite wieder sehen, melden Sie es dem Betreiber dieses Servers, der die Einzelheiten im Protokoll findet.',
    },
  },
  server: {
    heading: 'Assistenten verbinden',
    introduction: (name) => `${name} ist ein MCP-Server. Fügen Sie diese Adresse in Ihrem Assistenten hinzu:`,
    copy: 'Kopieren',
    copied: 'Kopiert',
    command: 'In einem Terminal ausführen:',
    typed: (client) => `Danach in ${client}:`,
    file: (path) => `In der Datei ${path}:`,
    hosted: {
      claude: 'Customize → Connectors → + → Add custom connector. Fügen Sie die Adresse ein.',
      chatgpt:
        'Settings → Apps → Advanced settings → Developer mode, danach Create app. Fügen Sie die Adresse ein, mit OAuth als Authentifizierung.',
    },
  },
  openDashboard: 'Dashboard öffnen',
  backTo: (host) => `Zurück zu ${host}`,
  document: { address: 'Ihre Adresse', host: 'Rechnername', reason: 'Was geschehen ist' },
  detail: 'Technische Angabe',
};
