import type { OAuthPageText } from '../oauth-page-text.ts';
import { daysIn, scopesIn } from '../text-formats.ts';

const recorded =
  'L’opérateur de ce serveur peut voir quand vous avez connecté cette application, avec quelles autorisations, quand et depuis quelle adresse réseau elle envoie des requêtes, et quels outils du serveur elle appelle, quand et avec quel résultat.';
const logged =
  'Si un outil échoue, l’opérateur peut voir l’erreur dans un journal, qui peut citer une partie de la requête.';
const stored =
  'Une requête plus longue est conservée un certain temps avec sa réponse, afin que la réponse ne soit pas perdue.';
const repeated = 'Revenez à votre application. Si elle n’est pas connectée, connectez-la de nouveau.';

export const frenchPageText: OAuthPageText = {
  language: 'fr',
  direction: 'ltr',
  consent: {
    heading: (client) => `Connecter ${client} ?`,
    identity: {
      domain: (domain) => `Sa description provient de ${domain}.`,
      configured: 'L’opérateur de ce serveur a configuré cette application.',
      'self-registered': 'Cette application s’est enregistrée elle-même. Son nom n’est pas vérifié.',
    },
    returnTo: 'Après la connexion, vous revenez à',
    returnPlace: {
      loopback: 'un programme sur cet ordinateur',
      website: 'un site web',
      application: 'une application sur cet appareil',
    },
    loopbackWarning: 'N’autorisez que si vous venez vous-même de lancer cette connexion.',
    scopes: 'L’application peut',
    signInWith: (provider) => `Vous vous connectez avec ${provider}.`,
    account: {
      signInAs: (provider) => `Connexion avec ${provider} en tant que`,
      other: 'autre compte',
      unexpected: (name) => `Vous êtes connecté en tant que ${name}. Rien n’a encore été autorisé.`,
    },
    approve: 'Autoriser',
    deny: 'Refuser',
    details: 'Informations complètes',
    returnAddress: 'Adresse de retour',
    loopbackAccess: 'L’accès est donné à un programme sur l’ordinateur que vous utilisez en ce moment.',
    server: 'Sur ce serveur',
    upstreamScopes: (provider) => `Demandé à ${provider}`,
    upstreamScopesOf: (scopes) =>
      `Ce serveur demande : ${scopesIn('fr', scopes, {
        openid: 'votre identifiant',
        profile: 'votre nom et votre profil',
        email: 'votre adresse e-mail',
        offline_access: 'l’accès en votre absence',
      })}. L’application n’y a pas accès.`,
    lifetime: 'Durée de la connexion',
    lifetimeOf: ({ idleDays, absoluteDays }) =>
      `Jusqu’à sa révocation, ou après ${daysIn('fr', idleDays)} sans utilisation ; ${daysIn('fr', absoluteDays)} au plus.`,
    recorded: 'Données enregistrées',
    recordedOf: {
      no: `${recorded} Le contenu des requêtes et des réponses n’est pas enregistré. ${stored}`,
      digest: `${recorded} Le contenu des requêtes est enregistré sous forme d’empreinte. Elle montre à l’opérateur si une requête est identique à une autre, antérieure ou qu’il devine. Les réponses ne sont pas enregistrées. ${stored}`,
      redacted: `${recorded} L’opérateur peut voir la forme de chaque requête, comme le nom des champs et la longueur des valeurs, mais pas leur contenu. Les réponses ne sont pas enregistrées. ${stored}`,
    },
    errorsOf: {
      none: logged,
      class: logged,
      message:
        'Si un outil échoue, l’opérateur peut voir l’erreur, qui est enregistrée et peut citer une partie de la requête.',
    },
    targets: 'L’opérateur voit aussi quels modèles de message et quelles ressources du serveur l’application lit.',
    seenAs: {
      name: 'L’opérateur voit aussi votre nom, tel que votre service de connexion le connaît.',
      email: 'L’opérateur voit aussi votre adresse e-mail, telle que votre service de connexion la connaît.',
    },
  },
  problems: {
    'unknown-client': {
      heading: 'Cette application n’est pas enregistrée ici',
      happened:
        'L’application qui vous a envoyé n’est pas enregistrée auprès de ce serveur, ou son enregistrement a expiré.',
      next: 'Supprimez ce serveur dans votre application et ajoutez-le de nouveau. Si cela ne suffit pas, demandez à l’opérateur de ce serveur si l’application est autorisée.',
    },
    'unusable-client': {
      heading: 'Cette application ne peut pas être connectée',
      happened: 'Ce serveur n’accepte pas la description que l’application publie sur elle-même.',
      next: 'Signalez-le aux auteurs de l’application, avec l’information technique ci-dessous.',
    },
    'unreachable-client': {
      heading: 'Cette application ne peut pas être connectée pour le moment',
      happened: 'Ce serveur n’a pas pu récupérer la description que l’application publie sur elle-même.',
      next: 'Réessayez dans une minute. Si cette page s’affiche de nouveau, signalez-le aux auteurs de l’application, ou à l’opérateur de ce serveur si d’autres applications ne se connectent pas non plus.',
    },
    'delayed-client': {
      heading: 'Un instant, s’il vous plaît',
      happened: 'De nombreuses applications se connectent en ce moment à ce serveur pour la première fois.',
      next: 'Patientez un peu et rechargez cette page.',
    },
    'redirect-mismatch': {
      heading: 'La connexion a été interrompue',
      happened:
        'L’application veut vous renvoyer à une adresse que ce serveur n’accepte pas pour elle. C’est peut-être une erreur de l’application, ou une tentative d’accéder à votre compte. Rien n’a été connecté.',
      next: 'Si vous étiez en train de connecter votre application, supprimez-y ce serveur et ajoutez-le de nouveau. Si vous avez suivi un lien venu d’ailleurs, fermez cette page.',
    },
    malformed: {
      heading: 'Cela n’a pas fonctionné',
      happened: 'La requête qui vous a amené ici est incomplète ou non valide.',
      next: 'Revenez à votre application et connectez-la de nouveau. Si cette page s’affiche encore, signalez-le aux auteurs de l’application, avec l’information technique ci-dessous.',
    },
    'answer-missing': {
      heading: 'Autoriser ou refuser ?',
      happened: 'Ce serveur n’a pas reçu lequel des deux boutons vous avez choisi.',
      next: 'Revenez à la page précédente et choisissez de nouveau.',
    },
    'cross-origin': {
      heading: 'Votre choix n’a pas été accepté',
      happened: 'Il n’a pas été envoyé depuis une page de ce serveur. Rien n’a été connecté.',
      next: 'Si vous étiez en train de connecter votre application, revenez-y et connectez-la de nouveau. Sinon, fermez cette page.',
    },
    'request-closed': {
      heading: 'Cette demande est close',
      happened:
        'Vous l’avez déjà autorisée ou refusée, ce qui arrive aussi quand on appuie deux fois sur un bouton, ou elle est restée ouverte trop longtemps.',
      next: repeated,
    },
    'request-elsewhere': {
      heading: 'Cette demande est close',
      happened:
        'Elle a déjà été autorisée ou refusée, est restée ouverte trop longtemps, ou a commencé dans un autre navigateur.',
      next: `${repeated} Restez dans le navigateur qui s’ouvre.`,
    },
    'sign-in-closed': {
      heading: 'Cette connexion est terminée',
      happened: 'Elle a déjà abouti, ou a duré trop longtemps.',
      next: repeated,
    },
    'sign-in-elsewhere': {
      heading: 'Cette connexion est terminée',
      happened: 'Elle a déjà abouti, a duré trop longtemps, ou a commencé dans un autre navigateur.',
      next: 'Revenez à votre application, ou au tableau de bord si vous vous y connectiez. Si l’application n’est pas connectée, connectez-la de nouveau et restez dans le navigateur qui s’ouvre. Sinon, fermez cette page.',
    },
    'sign-in-denied': {
      heading: 'Vous n’êtes pas connecté',
      happened:
        'La connexion a été annulée, ou le service de connexion ne l’a pas autorisée. Aucune application n’a été connectée.',
      next: 'Revenez à votre application et connectez-la de nouveau. Si vous n’avez pas le droit de vous connecter, adressez-vous à l’opérateur de ce serveur.',
    },
    misconfigured: {
      heading: 'La connexion n’est pas configurée correctement',
      happened:
        'Ce serveur et son service de connexion ne sont pas configurés l’un pour l’autre. Vous n’y êtes pour rien, et attendre n’aide pas.',
      next: 'Demandez à l’opérateur de ce serveur de corriger la configuration. Le journal de ce serveur indique la cause et le remède.',
    },
    unavailable: {
      heading: 'Un instant, s’il vous plaît',
      happened: 'Un service dont ce serveur a besoin ne répond pas en ce moment.',
      next: 'Patientez un peu et rechargez cette page. Si cela ne suffit pas, revenez à votre application et connectez-la plus tard.',
    },
    'server-error': {
      heading: 'Cela n’a pas fonctionné',
      happened: 'Une erreur s’est produite sur ce serveur. Vous n’y êtes pour rien.',
      next: 'Revenez à votre application et connectez-la de nouveau. Si cette page s’affiche encore, signalez-le à l’opérateur de ce serveur, qui trouve les détails dans le journal.',
    },
  },
  dashboardProblems: {
    malformed: {
      heading: 'Cela n’a pas fonctionné',
      happened: 'L’adresse que vous avez ouverte est incomplète ou non valide.',
      next: 'Ouvrez le tableau de bord et connectez-vous-y.',
    },
    'sign-in-closed': {
      heading: 'Cette connexion est terminée',
      happened: 'Elle a déjà abouti, ou a duré trop longtemps.',
      next: 'Ouvrez le tableau de bord. Si vous n’y êtes pas connecté, connectez-vous de nouveau.',
    },
    'sign-in-denied': {
      heading: 'Vous n’êtes pas connecté',
      happened: 'La connexion a été annulée, ou le service de connexion ne l’a pas autorisée.',
      next: 'Ouvrez le tableau de bord et connectez-vous de nouveau. Si vous n’avez pas le droit de vous connecter, adressez-vous à l’opérateur de ce serveur.',
    },
    unavailable: {
      heading: 'Un instant, s’il vous plaît',
      happened: 'Un service dont ce serveur a besoin ne répond pas en ce moment.',
      next: 'Patientez un peu et rechargez cette page. Si cela ne suffit pas, rouvrez le tableau de bord plus tard.',
    },
    'server-error': {
      heading: 'Cela n’a pas fonctionné',
      happened: 'Une erreur s’est produite sur ce serveur. Vous n’y êtes pour rien.',
      next: 'Ouvrez le tableau de bord et connectez-vous de nouveau. Si cette page s’affiche encore, signalez-le à l’opérateur de ce serveur, qui trouve les détails dans le journal.',
    },
  },
  server: {
    heading: 'Connecter votre assistant',
    introduction: (name) => `${name} est un serveur MCP. Ajoutez cette adresse à l’assistant que vous utilisez :`,
    copy: 'Copier',
    copied: 'Copié',
    command: 'Exécutez dans un terminal :',
    typed: (client) => `Puis, dans ${client} :`,
    file: (path) => `Dans ${path} :`,
    hosted: {
      claude: 'Customize → Connectors → + → Add custom connector. Collez l’adresse.',
      chatgpt:
        'Settings → Apps → Advanced settings → Developer mode, puis Create app. Collez l’adresse, avec OAuth comme authentification.',
    },
  },
  openDashboard: 'Ouvrir le tableau de bord',
  backTo: (host) => `Retour à ${host}`,
  document: { address: 'Son adresse', host: 'Hôte', reason: 'Ce qui s’est passé' },
  detail: 'Information technique',
};
