#!/bin/sh
# What an operator types on the host for the same result: the package without its init script, a configuration with STOMP,
# OpenWire, users and rights, a unit, a start, and a look whether the port listens. Nothing of the role's checks is in it.
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
ln -s /dev/null /etc/systemd/system/activemq.service
apt-get install -qq --no-install-recommends activemq >/dev/null 2>&1
mkdir -p /etc/activemq/main
cat >/etc/activemq/main/activemq.xml <<'XML'
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
<broker xmlns="http://activemq.apache.org/schema/core" brokerName="hand"
  dataDirectory="/var/lib/activemq/main" useJmx="false">
<destinationPolicy><policyMap><policyEntries><policyEntry queue="&gt;"><deadLetterStrategy>
<individualDeadLetterStrategy queuePrefix="dead."/></deadLetterStrategy></policyEntry></policyEntries></policyMap></destinationPolicy>
<persistenceAdapter><kahaDB directory="/var/lib/activemq/main/kahadb"/></persistenceAdapter>
<plugins><simpleAuthenticationPlugin><users>
<authenticationUser username="admin" password="test-host-only-by-hand" groups="admins"/>
<authenticationUser username="smoke" password="test-host-only-by-hand" groups="smoke"/>
</users></simpleAuthenticationPlugin>
<authorizationPlugin><map><authorizationMap><authorizationEntries>
<authorizationEntry queue="&gt;" read="admins" write="admins" admin="admins"/>
<authorizationEntry topic="&gt;" read="admins" write="admins" admin="admins"/>
<authorizationEntry topic="ActiveMQ.Advisory.&gt;" read="admins,smoke" write="admins,smoke" admin="admins,smoke"/>
<authorizationEntry queue="brokerkit.smoke.&gt;" read="smoke" write="smoke" admin="smoke"/>
<authorizationEntry queue="dead.brokerkit.smoke.&gt;" read="smoke" write="smoke" admin="smoke"/>
<authorizationEntry topic="brokerkit.smoke.&gt;" read="smoke" write="smoke" admin="smoke"/>
</authorizationEntries></authorizationMap></map></authorizationPlugin></plugins>
<transportConnectors><transportConnector name="stomp" uri="stomp://0.0.0.0:61613?wireFormat.maxFrameSize=10485760"/>
<transportConnector name="openwire" uri="tcp://0.0.0.0:61616?wireFormat.maxFrameSize=10485760"/></transportConnectors>
</broker></beans>
XML
chown root:activemq /etc/activemq/main/activemq.xml
chmod 0640 /etc/activemq/main/activemq.xml
install -d -o activemq -g activemq -m 0750 /var/lib/activemq/main
cat >/etc/systemd/system/activemq-main.service <<'UNIT'
[Service]
User=activemq
ExecStart=/usr/bin/java -Xms512m -Xmx512m -Dactivemq.home=/usr/share/activemq -Dactivemq.base=/var/lib/activemq/main \
  -Dactivemq.conf=/etc/activemq/main -Dactivemq.data=/var/lib/activemq/main \
  -jar /usr/share/activemq/bin/activemq.jar start xbean:file:/etc/activemq/main/activemq.xml
SuccessExitStatus=143
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now activemq-main >/dev/null 2>&1
for attempt in $(seq 300); do
    grep -q ':F0AD 0*:0000 0A' /proc/net/tcp /proc/net/tcp6 && exit 0
    sleep 0.1
done
exit 1
