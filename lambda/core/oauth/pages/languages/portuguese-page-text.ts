import type { OAuthPageText } from '../oauth-page-text.ts';
import { daysIn, scopesIn } from '../text-formats.ts';

const recorded =
  'O operador deste servidor pode ver quando você conectou este aplicativo, com quais permissões, quando e de qual endereço de rede ele envia solicitações, e quais ferramentas do servidor ele usa, quando e com qual resultado.';
const logged =
  'Se uma ferramenta falhar, o operador pode ver o erro em um registro, que pode citar uma parte da solicitação.';
const stored =
  'Uma solicitação mais demorada é guardada por algum tempo com a resposta, para que a resposta não se perca.';
const repeated = 'Volte ao seu aplicativo. Se ele não estiver conectado, conecte-o novamente.';

export const portuguesePageText: OAuthPageText = {
  language: 'pt',
  direction: 'ltr',
  consent: {
    heading: (client) => `Conectar ${client}?`,
    identity: {
      domain: (domain) => `A descrição dele vem de ${domain}.`,
      configured: 'O operador deste servidor configurou este aplicativo.',
      'self-registered': 'Este aplicativo se registrou sozinho. O nome dele não foi verificado.',
    },
    returnTo: 'Depois de entrar, você volta para',
    returnPlace: {
      loopback: 'um programa neste computador',
      website: 'um site',
      application: 'um aplicativo neste dispositivo',
    },
    loopbackWarning: 'Permita somente se você mesmo acabou de iniciar esta conexão.',
    scopes: 'O aplicativo pode',
    signInWith: (provider) => `Você entra com ${provider}.`,
    account: {
      signInAs: (provider) => `Você entra com ${provider} como`,
      other: 'outra conta',
      unexpected: (name) => `Você entrou como ${name}. Nada foi conectado ainda.`,
    },
    approve: 'Permitir',
    deny: 'Recusar',
    details: 'Detalhes',
    returnAddress: 'Endereço de retorno',
    loopbackAccess: 'O acesso é dado a um programa no computador que você está usando agora.',
    server: 'Neste servidor',
    upstreamScopes: (provider) => `Solicitado a ${provider}`,
    upstreamScopesOf: (scopes) =>
      `Este servidor solicita: ${scopesIn('pt', scopes, {
        openid: 'seu identificador de usuário',
        profile: 'seu nome e seu perfil',
        email: 'seu endereço de e-mail',
        offline_access: 'acesso na sua ausência',
      })}. O aplicativo não recebe acesso lá.`,
    lifetime: 'Permanece conectado',
    lifetimeOf: ({ idleDays, absoluteDays }) =>
      `Até ser revogado, ou após ${daysIn('pt', idleDays)} sem uso; no máximo ${daysIn('pt', absoluteDays)}.`,
    recorded: 'O que é registrado',
    recordedOf: {
      no: `${recorded} O conteúdo das solicitações e respostas não é registrado. ${stored}`,
      digest: `${recorded} O conteúdo das solicitações é registrado como um resumo criptográfico, que mostra ao operador se uma solicitação é igual a uma anterior ou a uma que ele adivinhe. As respostas não são registradas. ${stored}`,
      redacted: `${recorded} De cada solicitação, o operador pode ver a forma, como os nomes dos campos e o tamanho dos valores, mas não o conteúdo. As respostas não são registradas. ${stored}`,
    },
    errorsOf: {
      none: logged,
      class: logged,
      message:
        'Se uma ferramenta falhar, o operador pode ver o erro, que é registrado e pode citar uma parte da solicitação.',
    },
    targets: 'O operador também vê quais modelos de mensagem e recursos do servidor o aplicativo lê.',
    seenAs: {
      name: 'O operador também vê seu nome, como consta no seu serviço de login.',
      email: 'O operador também vê seu endereço de e-mail, como consta no seu serviço de login.',
    },
  },
  problems: {
    'unknown-client': {
      heading: 'Este aplicativo não está registrado aqui',
      happened: 'O aplicativo que trouxe você aqui não está registrado neste servidor, ou o registro dele expirou.',
      next: 'Remova este servidor do seu aplicativo e adicione-o novamente. Se isso não ajudar, pergunte ao operador deste servidor se o aplicativo é permitido.',
    },
    'unusable-client': {
      heading: 'Este aplicativo não pode ser conectado',
      happened: 'Este servidor não aceita a descrição que o aplicativo publica sobre si mesmo.',
      next: 'Informe os criadores do aplicativo, junto com o detalhe abaixo.',
    },
    'unreachable-client': {
      heading: 'Este aplicativo não pode ser conectado agora',
      happened: 'Este servidor não conseguiu obter a descrição que o aplicativo publica sobre si mesmo.',
      next: 'Conecte novamente em um minuto. Se esta página aparecer de novo, informe os criadores do aplicativo, ou o operador deste servidor se outros aplicativos também não puderem ser conectados.',
    },
    'delayed-client': {
      heading: 'Um momento, por favor',
      happened: 'Muitos aplicativos estão se conectando a este servidor pela primeira vez.',
      next: 'Espere um pouco e recarregue esta página.',
    },
    'redirect-mismatch': {
      heading: 'A conexão foi interrompida',
      happened:
        'O aplicativo quer que você volte para um endereço que este servidor não aceita para ele. Pode ser um erro do aplicativo ou uma tentativa de entrar na sua conta. Nada foi conectado.',
      next: 'Se você estava conectando seu aplicativo, remova este servidor nele e adicione-o novamente. Se você seguiu um link de outro lugar, feche esta página.',
    },
    malformed: {
      heading: 'Isso não funcionou',
      happened: 'A solicitação que trouxe você aqui está incompleta ou é inválida.',
      next: 'Volte ao seu aplicativo e conecte-o novamente. Se esta página aparecer de novo, informe os criadores do aplicativo, junto com o detalhe abaixo.',
    },
    'answer-missing': {
      heading: 'Permitir ou recusar?',
      happened: 'Este servidor não recebeu qual dos dois botões você pressionou.',
      next: 'Volte uma página e escolha novamente.',
    },
    'cross-origin': {
      heading: 'Sua escolha não foi aceita',
      happened: 'Ela não foi enviada de uma página deste servidor. Nada foi conectado.',
      next: 'Se você estava conectando seu aplicativo, volte a ele e conecte-o novamente. Se não, feche esta página.',
    },
    'request-closed': {
      heading: 'Esta solicitação está encerrada',
      happened:
        'Você já a permitiu ou recusou, o que também acontece quando um botão é pressionado duas vezes, ou ela ficou aberta por tempo demais.',
      next: repeated,
    },
    'request-elsewhere': {
      heading: 'Esta solicitação está encerrada',
      happened: 'Ela já foi permitida ou recusada, ficou aberta por tempo demais ou começou em outro navegador.',
      next: `${repeated} Permaneça no navegador que se abrir.`,
    },
    'sign-in-closed': {
      heading: 'Este login terminou',
      happened: 'Ele já foi concluído, ou demorou demais.',
      next: repeated,
    },
    'sign-in-elsewhere': {
      heading: 'Este login terminou',
      happened: 'Ele já foi concluído, demorou demais ou começou em outro navegador.',
      next: 'Volte ao seu aplicativo, ou ao painel se estava entrando nele. Se o aplicativo não estiver conectado, conecte-o novamente e permaneça no navegador que se abrir. Se não fazia nenhuma das duas coisas, feche esta página.',
    },
    'sign-in-denied': {
      heading: 'Você não entrou',
      happened: 'O login foi cancelado, ou o serviço de login não o permitiu. Nada foi conectado.',
      next: 'Volte ao seu aplicativo e conecte-o novamente. Se você não tem permissão para entrar, pergunte ao operador deste servidor.',
    },
    misconfigured: {
      heading: 'O login não está configurado corretamente',
      happened:
        'Este servidor e o serviço de login dele não estão configurados um para o outro. Você não fez nada de errado, e esperar não ajuda.',
      next: 'Peça ao operador deste servidor que corrija isso. O registro deste servidor indica a causa e a solução.',
    },
    unavailable: {
      heading: 'Um momento, por favor',
      happened: 'Um serviço de que este servidor precisa não responde no momento.',
      next: 'Espere um pouco e recarregue esta página. Se isso não ajudar, volte ao seu aplicativo e conecte-o mais tarde.',
    },
    'server-error': {
      heading: 'Isso não funcionou',
      happened: 'Ocorreu um erro neste servidor. Você não fez nada de errado.',
      next: 'Volte ao seu aplicativo e conecte-o novamente. Se esta página aparecer de novo, informe o operador deste servidor, que encontra os detalhes no registro.',
    },
  },
  dashboardProblems: {
    malformed: {
      heading: 'Isso não funcionou',
      happened: 'O endereço que você abriu está incompleto ou é inválido.',
      next: 'Abra o painel e entre nele.',
    },
    'sign-in-closed': {
      heading: 'Este login terminou',
      happened: 'Ele já foi concluído, ou demorou demais.',
      next: 'Abra o painel. Se você não estiver conectado nele, entre novamente.',
    },
    'sign-in-denied': {
      heading: 'Você não entrou',
      happened: 'O login foi cancelado, ou o serviço de login não o permitiu.',
      next: 'Abra o painel e entre novamente. Se você não tem permissão para entrar, pergunte ao operador deste servidor.',
    },
    unavailable: {
      heading: 'Um momento, por favor',
      happened: 'Um serviço de que este servidor precisa não responde no momento.',
      next: 'Espere um pouco e recarregue esta página. Se isso não ajudar, abra o painel novamente mais tarde.',
    },
    'server-error': {
      heading: 'Isso não funcionou',
      happened: 'Ocorreu um erro neste servidor. Você não fez nada de errado.',
      next: 'Abra o painel e entre novamente. Se esta página aparecer de novo, informe o operador deste servidor, que encontra os detalhes no registro.',
    },
  },
  server: {
    heading: 'Conecte seu assistente',
    introduction: (name) => `${name} é um servidor MCP. Adicione este endereço ao assistente que você usa:`,
    copy: 'Copiar',
    copied: 'Copiado',
    command: 'Execute em um terminal:',
    typed: (client) => `Depois, em ${client}:`,
    file: (path) => `Em ${path}:`,
    hosted: {
      claude: 'Customize → Connectors → + → Add custom connector. Cole o endereço.',
      chatgpt:
        'Settings → Apps → Advanced settings → Developer mode e, depois, Create app. Cole o endereço, com OAuth como autenticação.',
    },
  },
  openDashboard: 'Abrir o painel',
  backTo: (host) => `Voltar para ${host}`,
  document: { address: 'Endereço da descrição', host: 'Servidor do endereço', reason: 'O que aconteceu' },
  detail: 'Detalhe técnico',
};
