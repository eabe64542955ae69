import type { OAuthPageText } from '../oauth-page-text.ts';
import { daysIn, scopesIn } from '../text-formats.ts';

const recorded =
  'El operador de este servidor puede ver cuándo conectó usted esta aplicación, con qué permisos, cuándo y desde qué dirección de red envía solicitudes, y qué herramientas del servidor utiliza, cuándo y con qué resultado.';
const logged =
  'Si una herramienta falla, el operador puede ver el error en un registro, que puede citar una parte de la solicitud.';
const stored =
  'Una solicitud que tarda más se guarda durante un tiempo con su respuesta, para que la respuesta no se pierda.';
const repeated = 'Vuelva a su aplicación. Si no está conectada, conéctela de nuevo.';

export const spanishPageText: OAuthPageText = {
  language: 'es',
  direction: 'ltr',
  consent: {
    heading: (client) => `¿Conectar ${client}?`,
    identity: {
      domain: (domain) => `Su descripción procede de ${domain}.`,
      configured: 'El operador de este servidor configuró esta aplicación.',
      'self-registered': 'Esta aplicación se registró por sí misma. Su nombre no está verificado.',
    },
    returnTo: 'Tras iniciar sesión, volverá a',
    returnPlace: {
      loopback: 'un programa en este equipo',
      website: 'un sitio web',
      application: 'una aplicación en este dispositivo',
    },
    loopbackWarning: 'Permítalo solo si acaba de iniciar usted mismo esta conexión.',
    scopes: 'La aplicación puede',
    signInWith: (provider) => `Inicia sesión con ${provider}.`,
    account: {
      signInAs: (provider) => `Inicia sesión con ${provider} como`,
      other: 'otra cuenta',
      unexpected: (name) => `Ha iniciado sesión como ${name}. Todavía no se ha conectado nada.`,
    },
    approve: 'Permitir',
    deny: 'Rechazar',
    details: 'Detalles',
    returnAddress: 'Dirección de retorno',
    loopbackAccess: 'El acceso se concede a un programa en el equipo que está usando ahora.',
    server: 'En este servidor',
    upstreamScopes: (provider) => `Se solicita a ${provider}`,
    upstreamScopesOf: (scopes) =>
      `Este servidor solicita: ${scopesIn('es', scopes, {
        openid: 'su identificador de usuario',
        profile: 'su nombre y su perfil',
        email: 'su dirección de correo electrónico',
        offline_access: 'acceso en su ausencia',
      })}. La aplicación no obtiene acceso allí.`,
    lifetime: 'Permanece conectada',
    lifetimeOf: ({ idleDays, absoluteDays }) =>
      `Hasta que se revoque, o tras ${daysIn('es', idleDays)} sin uso; ${daysIn('es', absoluteDays)} como máximo.`,
    recorded: 'Qué se registra',
    recordedOf: {
      no: `${recorded} El contenido de las solicitudes y respuestas no se registra. ${stored}`,
      digest: `${recorded} El contenido de las solicitudes se registra como un resumen criptográfico, que muestra al operador si una solicitud es igual a otra anterior o a una que él adivina. Las respuestas no se registran. ${stored}`,
      redacted: `${recorded} De cada solicitud, el operador puede ver la forma, como los nombres de los campos y la longitud de los valores, pero no el contenido. Las respuestas no se registran. ${stored}`,
    },
    errorsOf: {
      none: logged,
      class: logged,
      message:
        'Si una herramienta falla, el operador puede ver el error, que se registra y puede citar una parte de la solicitud.',
    },
    targets: 'El operador también ve qué plantillas y recursos del servidor lee la aplicación.',
    seenAs: {
      name: 'El operador también ve su nombre, tal como lo tiene su servicio de inicio de sesión.',
      email:
        'El operador también ve su dirección de correo electrónico, tal como la tiene su servicio de inicio de sesión.',
    },
  },
  problems: {
    'unknown-client': {
      heading: 'Esta aplicación no está registrada aquí',
      happened: 'La aplicación que le ha traído aquí no está registrada en este servidor, o su registro ha caducado.',
      next: 'Quite este servidor de su aplicación y añádalo de nuevo. Si eso no ayuda, pregunte al operador de este servidor si la aplicación está permitida.',
    },
    'unusable-client': {
      heading: 'Esta aplicación no se puede conectar',
      happened: 'Este servidor no acepta la descripción que la aplicación publica sobre sí misma.',
      next: 'Comuníquelo a los autores de la aplicación, junto con el detalle de abajo.',
    },
    'unreachable-client': {
      heading: 'Esta aplicación no se puede conectar ahora',
      happened: 'Este servidor no pudo obtener la descripción que la aplicación publica sobre sí misma.',
      next: 'Conéctela de nuevo dentro de un minuto. Si vuelve a ver esta página, comuníquelo a los autores de la aplicación, o al operador de este servidor si tampoco se pueden conectar otras aplicaciones.',
    },
    'delayed-client': {
      heading: 'Un momento, por favor',
      happened: 'Muchas aplicaciones se están conectando por primera vez a este servidor.',
      next: 'Espere un poco y vuelva a cargar esta página.',
    },
    'redirect-mismatch': {
      heading: 'La conexión se ha detenido',
      happened:
        'La aplicación quiere que vuelva a una dirección que este servidor no acepta para ella. Puede ser un error de la aplicación o un intento de entrar en su cuenta. No se ha conectado nada.',
      next: 'Si estaba conectando su aplicación, quite allí este servidor y añádalo de nuevo. Si ha seguido un enlace de otro lugar, cierre esta página.',
    },
    malformed: {
      heading: 'No ha funcionado',
      happened: 'La solicitud que le ha traído aquí está incompleta o no es válida.',
      next: 'Vuelva a su aplicación y conéctela de nuevo. Si vuelve a ver esta página, comuníquelo a los autores de la aplicación, junto con el detalle de abajo.',
    },
    'answer-missing': {
      heading: '¿Permitir o rechazar?',
      happened: 'Este servidor no ha recibido cuál de los dos botones ha pulsado.',
      next: 'Retroceda una página y elija de nuevo.',
    },
    'cross-origin': {
      heading: 'Su elección no se ha aceptado',
      happened: 'No se envió desde una página de este servidor. No se ha conectado nada.',
      next: 'Si estaba conectando su aplicación, vuelva a ella y conéctela de nuevo. Si no, cierre esta página.',
    },
    'request-closed': {
      heading: 'Esta solicitud está cerrada',
      happened:
        'Ya la ha permitido o rechazado, lo que también ocurre al pulsar dos veces un botón, o ha estado abierta demasiado tiempo.',
      next: repeated,
    },
    'request-elsewhere': {
      heading: 'Esta solicitud está cerrada',
      happened: 'Ya se ha permitido o rechazado, ha estado abierta demasiado tiempo o se inició en otro navegador.',
      next: `${repeated} Permanezca en el navegador que se abre.`,
    },
    'sign-in-closed': {
      heading: 'Este inicio de sesión ha terminado',
      happened: 'Ya se ha completado, o ha tardado demasiado.',
      next: repeated,
    },
    'sign-in-elsewhere': {
      heading: 'Este inicio de sesión ha terminado',
      happened: 'Ya se ha completado, ha tardado demasiado o se inició en otro navegador.',
      next: 'Vuelva a su aplicación, o al panel si estaba iniciando sesión en él. Si la aplicación no está conectada, conéctela de nuevo y permanezca en el navegador que se abre. Si no hacía ninguna de las dos cosas, cierre esta página.',
    },
    'sign-in-denied': {
      heading: 'No ha iniciado sesión',
      happened:
        'El inicio de sesión se canceló, o el servicio de inicio de sesión no lo permitió. No se ha conectado nada.',
      next: 'Vuelva a su aplicación y conéctela de nuevo. Si no tiene permiso para iniciar sesión, pregunte al operador de este servidor.',
    },
    misconfigured: {
      heading: 'El inicio de sesión no está bien configurado',
      happened:
        'Este servidor y su servicio de inicio de sesión no están configurados el uno para el otro. Usted no ha hecho nada mal, y esperar no ayuda.',
      next: 'Pida al operador de este servidor que lo corrija. El registro de este servidor indica la causa y la solución.',
    },
    unavailable: {
      heading: 'Un momento, por favor',
      happened: 'Un servicio que este servidor necesita no responde en este momento.',
      next: 'Espere un poco y vuelva a cargar esta página. Si eso no ayuda, vuelva a su aplicación y conéctela más tarde.',
    },
    'server-error': {
      heading: 'No ha funcionado',
      happened: 'Se ha producido un error en este servidor. Usted no ha hecho nada mal.',
      next: 'Vuelva a su aplicación y conéctela de nuevo. Si vuelve a ver esta página, comuníquelo al operador de este servidor, que encuentra los detalles en el registro.',
    },
  },
  dashboardProblems: {
    malformed: {
      heading: 'No ha funcionado',
      happened: 'La dirección que ha abierto está incompleta o no es válida.',
      next: 'Abra el panel e inicie sesión en él.',
    },
    'sign-in-closed': {
      heading: 'Este inicio de sesión ha terminado',
      happened: 'Ya se ha completado, o ha tardado demasiado.',
      next: 'Abra el panel. Si no ha iniciado sesión en él, hágalo de nuevo.',
    },
    'sign-in-denied': {
      heading: 'No ha iniciado sesión',
      happened: 'El inicio de sesión se canceló, o el servicio de inicio de sesión no lo permitió.',
      next: 'Abra el panel e inicie sesión de nuevo. Si no tiene permiso para iniciar sesión, pregunte al operador de este servidor.',
    },
    unavailable: {
      heading: 'Un momento, por favor',
      happened: 'Un servicio que este servidor necesita no responde en este momento.',
      next: 'Espere un poco y vuelva a cargar esta página. Si eso no ayuda, abra el panel de nuevo más tarde.',
    },
    'server-error': {
      heading: 'No ha funcionado',
      happened: 'Se ha producido un error en este servidor. Usted no ha hecho nada mal.',
      next: 'Abra el panel e inicie sesión de nuevo. Si vuelve a ver esta página, comuníquelo al operador de este servidor, que encuentra los detalles en el registro.',
    },
  },
  server: {
    heading: 'Conecte su asistente',
    introduction: (name) => `${name} es un servidor MCP. Añada esta dirección al asistente que utiliza:`,
    copy: 'Copiar',
    copied: 'Copiado',
    command: 'Ejecute en un terminal:',
    typed: (client) => `Después, en ${client}:`,
    file: (path) => `En ${path}:`,
    hosted: {
      claude: 'Customize → Connectors → + → Add custom connector. Pegue la dirección.',
      chatgpt:
        'Settings → Apps → Advanced settings → Developer mode y, después, Create app. Pegue la dirección, con OAuth como autenticación.',
    },
  },
  openDashboard: 'Abrir el panel',
  backTo: (host) => `Volver a ${host}`,
  document: { address: 'Su dirección', host: 'Servidor de la dirección', reason: 'Qué ha ocurrido' },
  detail: 'Detalle técnico',
};
